"""The only code that reads and writes Parquet: schemas, provenance, atomic files, content hashes."""
