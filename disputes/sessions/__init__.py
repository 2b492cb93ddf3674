"""Joint mediation sessions 联调会: planned, held and recorded, or called off; and the places where they are held."""
