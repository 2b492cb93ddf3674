"""The papers of a case (domain.md 7): words from the case, a template that can be replaced, DOCX and PDF that agree."""
