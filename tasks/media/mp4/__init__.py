"""MP4 and QuickTime files (ISO/IEC 14496-12): their boxes, tables and parameter sets."""
