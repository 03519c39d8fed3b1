/** What bounds the reading of manifests. The sizes are far above any real manifest and far below what would stall the control loop. */
export const MANIFEST_LIMITS = {
  filesPerDirectory: 1000,
  bytesPerFile: 1024 * 1024,
  /** Lexical units of YAML; stops a file of a million brackets after a fraction of a second. */
  lexemesPerFile: 100_000,
  documentsPerFile: 500,
  /** The YAML library recurses: without this a file of "[" ends the whole process ("RegExpCompiler Allocation failed"). */
  nestingDepth: 64,
  /** The library compares each new key with all others of its map: 90,000 keys take a minute. */
  keysPerMap: 2000,
  /** Values that come out of aliases, per document. */
  aliases: 100,
  errorsPerFile: 20,
  /** Characters of a foreign value or message that an error repeats. */
  quotedText: 80,
  /** The same of a field's value in a diff. */
  shownValue: 160,
} as const;

/** Timing of the directory watch, milliseconds. */
export const WATCH_TIMING = {
  /** A file counts once size and mtime have been the same for this long. */
  settleMs: 200,
  /** The same for a file that is now the beginning of what it was, or is gone: that is what a writer in mid-write looks like. */
  settleShrunkMs: 800,
  /** How often the directory is looked at when no event came; file events get lost. */
  restatMs: 1000,
} as const;
