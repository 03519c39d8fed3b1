// Every bound of the service in one place: nothing waits, grows or retries without one of these.

export const limits = {
  /** The default of BODY_LIMIT_BYTES. */
  bodyBytes: 8 * 1024 * 1024,
  /** A JSON body with its long strings cut out (json-text.ts) is never honestly longer; a flood of tiny values is refused here. */
  bodyStructureChars: 64 * 1024,
  actIdDigits: 1000,
  /** How much of a client's own text an error repeats. */
  quotedChars: 40,
  /** More acts than this in one answer is 413. */
  actsPerAnswer: 100,
  /** How much of a list is held in memory at once; a single larger row is held alone. */
  listBatchBytes: 1024 * 1024,
  listBatchRows: 500,
  /** A larger row is read in parts of this many bytes of its picture; a multiple of 3, so that the parts' base64 joins. */
  imageSliceBytes: 192 * 1024,
  /** Votes for more acts than this do not share a statement. */
  votedActsPerBatch: 500,
  /** Batches of votes, and of `_count`, that a replica has under way at once; each takes a connection. More make smaller batches. */
  voteLanes: 1,
  countLanes: 1,
  /** Uploads and deletions of a replica that may wait for locks in the database at once, and for their turn. */
  lockingWrites: 2,
  lockingWritesWaiting: 500,
  /** `_count` is the sum of this many rows; more than ten replicas' lanes. */
  countRows: 32,
  /** A deletion of a category takes this many of its acts in one statement: of pictures of 8 MB that is seconds of work. */
  actsPerDeletion: 500,
  /** A statement that PostgreSQL ended to resolve a deadlock is tried this often in all. */
  deadlockAttempts: 4,
  /** Request line and headers together: names of 8 KiB, percent-encoded threefold, fit in a path. */
  headerBytes: 64 * 1024,

  /** Larger bodies than this wait their turn; smaller ones are as many as there are connections. */
  smallBodyBytes: 64 * 1024,
  /** Bodies received and not yet stored, all together; at least one body of the limit fits. */
  bodiesBytes: 40 * 1024 * 1024,
  bodiesWaiting: 100,
  bodyWaitMs: 10_000,
  /** A body that comes more slowly than this, measured after the grace time, is cut with 408: an 8 MB one after 138 s at the latest. */
  bodyBytesPerSecond: 64 * 1024,
  bodyGraceMs: 10_000,

  /** A picture with more is not decoded: 50 megapixels of today's phones are fine, 100 are not. */
  picturePixels: 64_000_000,
  /** A progressive JPEG may lawfully have thousands of scans, each a pass over all its pixels: 115 kB cost 9 s. Real ones have a dozen. */
  jpegScans: 50,
  /** What decoding may hold, by decoding-cost.ts: 26 megapixels of a progressive JPEG, 14 of an interlaced PNG. */
  pictureDecodingBytes: 80 * 1024 * 1024,
  /** Two thumbnails side by side on a phone whose pixels are two or three to a CSS pixel. */
  thumbnailPixels: 480,
  thumbnailQuality: 75,
  thumbnailTimeoutMs: 10_000,
  /** A larger picture is sent in such parts, each read when the client has taken the one before. */
  picturePartBytes: 512 * 1024,
  picturesWaiting: 20,
  pictureWaitMs: 3000,

  /** Ten replicas of each role stay below PostgreSQL's default of 100 connections: 4 here and 1 for the health probe. */
  poolConnections: 4,
  acquireTimeoutMs: 3000,
  connectTimeoutMs: 2000,
  statementTimeoutMs: 10_000,
  /** A pooled connection that is silent for longer is dropped: PostgreSQL's own timeout would have spoken by then, so the server is gone. */
  connectionSilenceMs: 12_000,
  /** A request waits this long for its place in `_count`, then goes uncounted. */
  countTimeoutMs: 3000,
  /** The contract says one second from request to answer; the rest is for getting the answer out. */
  healthTimeoutMs: 850,
  memoryShare: 0.95,

  /** Waiting for the database at start: doubling between the two, so that a returning database is seen within a second. */
  startRetryMinMs: 50,
  startRetryMaxMs: 800,

  /** The users check: one address may take this long, the next is asked as well after the stagger, new rounds start until the last. */
  usersAttemptTimeoutMs: 2500,
  usersStaggerMs: 300,
  usersRoundsMs: 1200,
  usersRoundPauseMs: 100,
  usersTotalMs: 4500,
  usersAnswerBytes: 256 * 1024 * 1024,

  retryAfterSeconds: 1,
  /** The default of REQUEST_TIMEOUT_MS: a whole request has come by then, 8 MiB at 50 KB/s; its head alone sooner. Slower ones are cut. */
  requestTimeoutMs: 180_000,
  requestHeadTimeoutMs: 15_000,
  /** How late a slow request may be noticed. */
  requestTimeoutCheckMs: 5000,
  /** Far more than any proxy opens; a flood of connections ends here instead of in our memory. */
  connections: 10_000,
  slowRequestMs: 1000,
  /** An error in the log: its message cut here, its causes followed so far. */
  loggedMessageChars: 400,
  loggedCauses: 3,
  /** Smaller answers gain nothing from compression. */
  compressFromBytes: 1024,
  /** The web app is kept in memory. */
  webFilesBytes: 16 * 1024 * 1024,
  /** Metrics and the web app are loaded this long after a replica is ready: others may be starting on the same cores. */
  lateLoadMs: 1000,

  /** The default of WRITE_LIMIT_PER_MINUTE, for each client. */
  writesPerMinute: 300_000,
  /** A replica takes so many writes of a client at once from the shared limit (but at most 1 % of it), for so many clients. */
  leasePoints: 50,
  leaseClients: 10_000,
  /** Without an answer by then, or after a failure, a replica limits by itself for a while. */
  leaseTimeoutMs: 500,
  leaseRetryMs: 5000,

  /** The default of SHUTDOWN_GRACE_MS: in-flight requests get this long after SIGTERM, then their connections are cut. */
  shutdownGraceMs: 8000,
  /** Connections without a request by then are cut. */
  shutdownIdleMs: 250,
  /** And what remains after them (the pool, the count) this long. */
  shutdownCloseMs: 1500,
  /** Longer than any sane proxy keeps an idle connection, so that the proxy is the one to close it. */
  keepAliveTimeoutMs: 75_000,
} as const;
