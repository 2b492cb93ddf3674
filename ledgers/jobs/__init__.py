"""Work that outlasts a request: a row that a person asked for, claimed by a worker, done in short pieces."""
