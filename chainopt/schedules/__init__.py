"""Operations and workers: who does what when, and which bracketing that is best done with."""
