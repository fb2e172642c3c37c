"""MPEG transport streams (ISO/IEC 13818-1): their packets and tables, and recordings that were joined in one."""
