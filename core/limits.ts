/**
 * Every limit of the product, with where it comes from. Relations between limits that the design relies on are
 * asserted in `limits.test.ts`; plan limits of a tenant live in `tenancy/plans.ts`.
 */

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const kibibyte = 1024;

export const apiLimits = {
  /** Inline bodies stay small so that a job item (400 KiB in DynamoDB) always fits; bigger inputs go through S3. */
  bodyBytesMax: 128 * kibibyte,
  /** OpenAI's own limit on Idempotency-Key is 255 characters. */
  idempotencyKeyCharactersMax: 255,
  /** A key may come back for this long; the job record outlives it. */
  idempotencyKeptMs: 24 * hour,
  /** API Gateway REST ends a buffered answer at 29 s by default; the streaming entry allows 15 min. */
  waitSecondsMax: 60,
  /** First look after a submission; doubles to the maximum. One eventually consistent read each (0.5 RRU). */
  pollMsMin: 40,
  pollMsMax: 500,
  /**
   * A wait no longer than this holds no place (`streamLimits.openMax`), whose two writes would cost more than its looks do. A
   * cancellation in RunPod's dialect waits so long.
   */
  briefWaitMs: 2 * second,
  pageDefault: 20,
  pageMax: 100,
  metadataKeysMax: 16,
  metadataKeyCharactersMax: 64,
  metadataValueCharactersMax: 512,
  /** A leaked link stops working soon; a picture downloads in seconds. */
  outputUrlSeconds: 15 * 60,
  /** A revoked key is refused everywhere within 60 s: the cache must be shorter. */
  keyCacheMs: 30 * second,
  /**
   * A refused key is answered at a whole multiple of this after its request came. Longer than nearly every look-up of a
   * key takes (a read of one DynamoDB item: single milliseconds), so that how long one took does not show.
   */
  refusalPaceMs: 25,
} as const;

export const jobLimits = {
  /** Three tries tell a bad job from bad luck; each costs a model run. */
  attemptsMax: 3,
  /**
   * A job that ran out of memory alone is tried again after this long, so often at most: what else has the card is done
   * by then, or gives way. Two and a half minutes; a job that was predicted wrong costs five calls that end early.
   */
  memoryWaitMs: 30 * second,
  memoryWaitsMax: 5,
  /** A dead worker is noticed after one lease. Shorter wastes writes, longer wastes a tenant's time. */
  leaseMs: 30 * second,
  /** Two renewals may be lost before a lease runs out. */
  renewMs: 10 * second,
  /**
   * A lease that runs further ahead than this and a lease's length was taken under a clock that was wrong. Two clocks
   * that are five minutes off, each its own way, are ten minutes apart.
   */
  leaseAheadMsMax: 10 * minute,
  /** How long a job may wait to start unless its request says otherwise. */
  startWithinMsDefault: 24 * hour,
  startWithinMsMax: 7 * 24 * hour,
  /** The longest that a request may let its job run: RunPod's own. */
  runMsMax: 7 * 24 * hour,
  /** A job and its files are kept this long after its end: the most that `retention_days` may be, and its default. */
  keptMs: 30 * 24 * hour,
  /** Progress rides on renewals and on writes of its own at most this often: one WRU each. */
  progressMs: 500,
  /**
   * Of a text that stands in the job's item beside its file: some 4,000 tokens of English. With an input of
   * `apiLimits.bodyBytesMax` the item stays far below DynamoDB's 400 KiB.
   */
  inlineTextBytesMax: 16 * kibibyte,
  /** Of a runner's words about an input: a path and a reason, three lines at most. */
  errorTextMax: 300,
} as const;

export const runpodLimits = {
  /** RunPod's own default and maximum; the answer's own limit (`streamLimits.answerMs`) ends a longer wait. */
  waitMsDefault: 90 * second,
  waitMsMax: 300 * second,
  /** Its Python client gives a request of a stream ten seconds, and pauses for one between two. */
  streamWaitMs: 5 * second,
  /** Its Python client gives a cancellation three seconds. */
  cancelWaitMs: 2 * second,
  /** Pages of 100 jobs that its health counts: ten reads. */
  healthPagesMax: 10,
} as const;

export const streamLimits = {
  /** Text is told this often at most: 300 writes a minute of a job, $0.0002. Nobody reads faster than that. */
  mergeMs: 200,
  /** With its keys, names and numbers (200 B at most) the item of a piece stays within 1 KB: one WRU. */
  pieceBytesMax: 800,
  /**
   * Of one attempt: with the largest (`protocolLimits.previewCharactersMax`), 25 WRU each, $0.0003; with those of 5 KB that
   * pictures make, a fifth. All of an attempt are within half a page of a read (1 MB).
   */
  previewsMax: 16,
  /** Longer than any stream lasts (`longestMs`) and long enough to come back to one; the result has the whole text. */
  keptMs: hour,
  /** A write that failed is tried again so often, after this pause and then twice that; the result has the text anyway. */
  triesMax: 3,
  retryMs: 200,
  /**
   * A follower looks for new text so often: at once while text comes, then ever less, to `tailMsMax`. With its read and
   * the way to the client a piece is there 300 ms after it was written. One RRU a look: 300 a minute are $0.00004, a
   * fifth of what the function that looks costs.
   */
  tailMsMin: 100,
  tailMsMax: 200,
  /** A follower of a job that waits learns that it begins after an eighth of its wait, or `tailMsMax`: whichever is more. */
  waitedShare: 8,
  /** While text comes, the record itself is looked at this often: a chat with pictures is a large item. */
  lookMsMax: 2 * second,
  /** Pieces of one read: a page of DynamoDB is 1 MB, and these are 100 KB. */
  readMax: 100,
  /** API Gateway ends a stream that says nothing for five minutes, proxies in between after one or less. */
  pingMs: 15 * second,
  /** API Gateway's own limit on one streamed answer. */
  longestMs: 15 * minute,
  /** A function that died with its stream or its wait gives its place back after the longest that it can have lasted. */
  placeMs: 16 * minute,
  /** Each open stream or waiting call holds one concurrent function: a tenth of the 1,000 that an account has by default. */
  openMax: 100,
  /** A call that answers once: below the five minutes of silence that API Gateway allows. */
  answerMs: 270 * second,
} as const;

export const ticketLimits = {
  /**
   * A ticket comes back this long after its worker fell silent. Longer than a lease, so that the redelivered ticket
   * finds the lease run out.
   */
  visibilityMs: 40 * second,
  /** SQS's own maximum for long polling. */
  longPollMs: 20 * second,
  /** SQS hands out at most ten messages a call. */
  receiveMax: 10,
  /** A ticket that found nothing while leases are open waits this long before it looks again. */
  returnMs: 5 * second,
  /**
   * Deliveries before SQS moves a ticket aside: SQS's own maximum. Poison is decided by the job's attempt, never by
   * the ticket, and a spare ticket waits out long leases by coming back every `returnMs`: 83 minutes of that.
   */
  deliveriesMax: 1_000,
} as const;

export const workerLimits = {
  /** Waiting this long for batch mates costs less than a model step and fills batches under load. */
  batchWindowMs: 25,
  /** The next batch is claimed so long before the card is free: a receive, the window and four calls of 10 to 40 ms. */
  claimLeadMs: 300,
  /** What was claimed ahead waits for the runner no longer: another worker may be idle. */
  aheadMs: second,
  /** One that runs, one that was claimed, and two whose results are stored: each holds a call's pictures in memory. */
  batchesMax: 4,
  /** Drain must end before ECS kills the task (stopTimeout <= 120 s) and before a Spot notice runs out. */
  drainMs: 25 * second,
  /** Connecting to a runner, which has to start its process, and the first frame from it. */
  runnerStartMs: 30 * second,
  /** A runner that answers no ping for this long is replaced. */
  runnerSilenceMs: 10 * second,
  /**
   * A runner that answers pings and tells nothing of what it was asked for so long is replaced: its device hangs. Twice the five
   * minutes that `vllm_proxy.py` waits for its server, and 20 GB of weights come off a disk of 100 MB/s three times meanwhile.
   */
  patienceMsMin: 10 * minute,
  /** Where that is more, so many times what is predicted of a call or load: between two words is a part of it, as an eighth of eight steps. */
  patiencePerPredicted: 4,
  /** Memory of a capped runner is read this often: at 2 GB/s it passes its cap by 0.4 GB at most. */
  memoryWatchMs: 200,
  /** Processes of tenants' own beside the shared one, where no card says how many fit; the idlest makes way. */
  ownRunnersMax: 4,
  /** How far ahead in each class the worker looks when it fills a batch. */
  lineWindow: 64,
  /** A worker of a paused pool goes on this long after it was resumed; a read every other second costs 16 cents a month. */
  heldBackLookMs: 2 * second,
  /** One small write: at $0.625 a million, a worker that is up all month costs 11 cents of them. */
  reportMs: 15 * second,
  /** Two words may be lost before a worker is thought gone. */
  silentMs: 45 * second,
  /** A worker that fell silent is shown this long: time to see it and to ask why. */
  silentShownMs: 15 * minute,
  /** The bill of a month is read from these, and looked into long after. */
  recordKeptMs: 100 * 24 * hour,
} as const;

export const fleetLimits = {
  /** A market that had nothing is asked again after so long: EC2's own advice for a lack of capacity is "a few minutes". */
  shortForMs: 10 * minute,
  /**
   * An instance that is in service for so long and not in its cluster never joins it. The slowest whole cold start that was told
   * of, a plain AMI that pulls 20 GB, takes eight minutes ("comfyui-on-eks"; AWS's ML blog, June 2026: four to six for the pull), and
   * joining is the first part of it: machine and agent, 25 s to a shell (brevdev/ec2-coldboot-research) and as much for the driver.
   */
  joinMs: 15 * minute,
  /**
   * Replaced in a row without one that joined: three tell bad luck from a fault that every instance has. A try counts for six
   * hours, so a broken AMI costs 12 launches a day at most, beside what stands.
   */
  lostInARowMax: 3,
  lostForgottenMs: 6 * hour,
  /** Looks at a pool in one go, where another scaler asks for more or fewer each time before this one does. */
  looksMax: 3,
  /**
   * What ECS is told of a worker with work lasts this long: it counts whole minutes, and two words may be lost. A worker
   * that hangs is protected for no longer.
   */
  protectedMs: 3 * minute,
  protectMs: minute,
  /** A worker between two jobs of a busy line says nothing: each word is a call of an API with a rate of its own. */
  unprotectAfterMs: 5 * second,
} as const;

/** What workers tell X-Ray of recorded traces. */
export const spanLimits = {
  /** Spans of one batch end within moments of one another; nobody looks at a trace sooner. */
  gatherMs: 2 * second,
  /** As many as X-Ray's own daemon sends at a time. One is 1.5 KB, and a segment may have 64 KB. */
  requestMax: 50,
  /** While X-Ray is away: 1.5 MB, and then the new ones are lost. */
  waitingMax: 1_000,
} as const;

const mebibyte = 1024 * 1024;

/** Pulling weights from S3 to a disk before a model is loaded. */
export const weightLimits = {
  /** S3 answers fastest for ranges of 8 to 16 MB ("Performance guidelines for Amazon S3"). */
  partBytes: 8 * mebibyte,
  /** A connection brings 85 to 90 MB/s at best (same source): sixteen fill a 10 Gbit/s link, and hold 128 MiB. */
  partsInFlight: 16,
  /** While the last part of a file is on its way, and while it is hashed, others keep the link busy. */
  filesInFlight: 4,
  /** At a hundredth of a connection's best speed a part takes 10 s; what takes longer than this hangs. */
  partMs: 60 * second,
  /** First try included; waits in between double from `retryMs`, so the last comes after about six seconds. */
  attemptsMax: 6,
  retryMs: 200,
  /** A list of a thousand files takes 150 KB. */
  listBytesMax: 4 * mebibyte,
  /** Between two words on progress. */
  progressMs: 5 * second,
  /** Stays free, for scratch and logs. */
  freeBytesMin: 256 * mebibyte,
} as const;

export const etaLimits = {
  /** A look at a pool serves every answer of a process for this long: five reads a second and pool at most. */
  lookMs: second,
  /**
   * Entries of each line that are looked at, in one read: ~350 B each, so 44 RRU for a line that is longer, $0.0000055,
   * and 0.5 RRU for one of ten. A tenant has 500 open jobs at most: what stands behind these is behind two floods.
   */
  lineWindow: 1_000,
  /** From asking for a worker to its serving, until the first wake of the pool says better: a GPU machine and an image. */
  wakeMs: minute,
} as const;

export const poolLimits = {
  /** The scaler's own upper bound comes on top; this keeps a slip of the hand out of the store. */
  prewarmWorkersMax: 1_000,
  /** Longer than a large model takes to load on a fresh instance, so work meets what was prewarmed for it. */
  prewarmSecondsDefault: 15 * 60,
  /** What is forgotten ends within a day: a GPU at $1 an hour costs $24 of it. */
  prewarmSecondsMax: 24 * 60 * 60,
} as const;

export const warmupLimits = {
  /** Shorter than a worker takes to come up where nothing is known of it (`etaLimits.wakeMs`), it would buy nothing. */
  secondsMin: 60,
  /** As an operator's prewarm: longer than a large model takes to load on a fresh instance. */
  secondsDefault: 15 * 60,
  /** The day that the cap `warmup_usd_micros_per_day` is counted in: no warm-up reaches further ahead than that. */
  secondsMax: 24 * 60 * 60,
  /** How long a pool remembers one that ended: far longer than any clock is wrong. ~110 B a tenant and pool. */
  rememberedMs: hour,
  /** Forgotten at a time; an expression of DynamoDB ends at 4 KB. */
  forgottenMax: 20,
  /** In one call: a note that another one left is finished first, and what came in between is read anew. A few writes each. */
  triesMax: 4,
  /** Of one request, over all its calls: none is kept only while an operator keeps pausing in just that moment. */
  attemptsMax: 8,
} as const;

export const sweepLimits = {
  everyMs: minute,
  /** A submission between its two writes is not yet a fault; every API call ends well before this. */
  graceMs: 2 * minute,
  /** Entries looked at per pool and class in one tick; the next tick goes on. */
  entriesMax: 1_000,
} as const;

export const gateLimits = {
  /** ~60 B a reservation: 500 keep the gate at 30 KB, 30 WRU an admission. Past that, shard (tenancy.md 2). */
  openJobsMax: 500,
  /**
   * A released reservation leaves a trace for so long, which keeps a late copy of the write that made it from bringing it
   * back. Ten minutes, as long as two clocks may be apart, and one: the four tries of the SDK take 21 s (5 s each, and
   * their pauses), and a copy has twice as long to arrive.
   */
  traceKeptMs: 11 * minute,
  /**
   * ~18 B a trace, and fifty more until they are dropped: 2.7 KB at most, so 2.7 WRU a write. The oldest go first: where four
   * jobs end each second those of 25 s are left, which the tries of the SDK take.
   */
  tracesMax: 100,
  /** A refusal with `Retry-After` for open jobs: none frees itself on a schedule, so ask again after a moment. */
  concurrencyRetrySeconds: 1,
  /** Ten looks a second at a full gate are enough: jobs take longer than that to end. */
  refusalRememberedMs: 100,
} as const;

export const refundLimits = {
  /** A sentence; it stands in the ledger for good, and in the gate for a moment. */
  reasonCharactersMax: 200,
} as const;

export const keyLimits = {
  /** Keys of a tenant that work, told apart by their labels: one an integration and some to spare. */
  liveKeysMax: 100,
} as const;

export const usageLimits = {
  /** A year and the month it began in: this March beside the last one. */
  monthsMax: 13,
  /** ~300 B a row: 10,000 stay at half of the 6 MB that a function may answer with. */
  rowsMax: 10_000,
} as const;

export const adapterLimits = {
  /**
   * Adapters of real models have 150 to 250 MB. S3 gives one reader some 80 MB/s, so twice that is read and hashed in
   * 7 s: well before API Gateway ends an answer at 29 s.
   */
  fileBytesMax: 512 * kibibyte * kibibyte,
  /** 900 tensors take some 130 KB of header; what trainers note of their pictures can take ten times that. */
  headerBytesMax: 2 * kibibyte * kibibyte,
  /** Three tensors a layer: the largest models that LoRAs are made for have some 800 layers to change. */
  tensorsMax: 4_096,
  /** A kernel of a convolution over time has five sides: no weight has more. */
  dimensionsMax: 5,
  /** Four times what is common. peft's slots for swapping are made for the highest rank, so each costs what this does. */
  rankMax: 128,
  layerCharactersMax: 256,
  nameShownMax: 80,
  nameCharactersMax: 64,
  /** All of a tenant's are one item of ~800 B each, which DynamoDB ends at 400 KB: less than half of it. */
  ownMax: 200,
  /** A gigabit takes 250 MB in 2 s, a home line of 10 Mbit/s up in 200 s. */
  uploadSeconds: 60 * 60,
  /** Looks are mixed from two or three; each costs a worker a download and memory. */
  perJobMax: 4,
  /** Past twice its strength a LoRA draws noise; below zero it draws the opposite, which some are made for. */
  weightMax: 2,
  /** Files that a worker keeps on its disk: 40 of 250 MB, a twentieth of the disk of the smallest GPU instance. */
  cacheBytesMax: 10 * kibibyte * kibibyte * kibibyte,
  /** At 80 MB/s a file takes 7 s; a store that hangs must not hold a card for long. */
  downloadMs: minute,
} as const;

export const promptLimits = {
  /** NewBie's text encoder reads 512 tokens, some 2 KB of tags: four times that leaves room for escapes and space. */
  xmlBytesMax: 8 * kibibyte,
  /** `image`, a character, what it wears. */
  xmlDepthMax: 3,
  /** More characters than this the model cannot keep apart. */
  xmlCharactersMax: 6,
  /** Faults told at once: more do not help anybody. */
  xmlFaultsMax: 20,
  xmlNameShownMax: 40,
  /** A tenant's terms are part of its record, which every key check reads: 13 KB at the most common letters. */
  termsMax: 200,
  termCharactersMax: 64,
  /** Among letters spelled one by one nobody sees where a word begins; a term this long is no part of another. */
  runTermCharactersMin: 8,
} as const;

export const cacheLimits = {
  ttlSecondsDefault: 24 * 60 * 60,
  /** A hit names the files of the job that made them: with a week, they outlive the hit by three weeks at least. */
  ttlSecondsMax: 7 * 24 * 60 * 60,
  /** Storing reads the list of a tenant's results by last use, ~150 B each: 200 cost 4 RRU, 2,000 some 40. */
  entriesDefault: 200,
  entriesMax: 2_000,
  /** Removed at one time; a bound that was lowered is reached over several writes. */
  evictedMax: 25,
} as const;

export const costLimits = {
  /**
   * A month is closed this long after it ended: its last job may start `startWithinMsMax` after it was admitted, and a
   * day is ample for it to run and settle. Worker records are kept far longer.
   */
  closeAfterMs: 8 * 24 * hour,
  /** Ledgers read at once; each answers in milliseconds, and a table takes thousands of reads a second. */
  ledgersAtOnce: 8,
} as const;

export const protocolLimits = {
  /**
   * A frame holds inputs and file names, never results: 64 jobs, which is the most that a manifest's `batch_max` may be,
   * with bodies of `apiLimits.bodyBytesMax` are 8 MiB, and their ids and defaults are small. Pictures that inputs name come
   * on top: `imageLimits.namedBytesOfCallMax` as base64 are 53.4 MiB.
   */
  frameBytesMax: 63 * kibibyte * kibibyte,
  /** Base64 of a JPEG of 128 x 128 pixels: noise, which packs worst, takes 14 KB. */
  previewCharactersMax: 32 * kibibyte,
  pingMs: 2 * second,
} as const;

export const webhookLimits = {
  /** Every settled job reads them all, ~300 B each: twenty are 1.5 RRU. */
  endpointsMax: 20,
  /** The Standard Webhooks specification names 15 to 30 s: a receiver stores the message and answers. */
  timeoutMs: 15 * second,
  /** The status says all; the rest of an answer is read only so that a short one ends its connection in order. */
  answerBytesMax: 4 * kibibyte,
  /** A try and its two writes end well before; then another process may take it for dead and try again. */
  claimMs: minute,
  /**
   * Seconds for a restart, minutes for a deployment, hours for a person: eleven tries over 23 h 43 min (the schedule of
   * the Standard Webhooks specification, within a day).
   */
  retryDelaysMs: [
    5 * second,
    30 * second,
    2 * minute,
    10 * minute,
    30 * minute,
    hour,
    2 * hour,
    4 * hour,
    6 * hour,
    10 * hour,
  ],
  /**
   * A function stays for the first retries of what it tried, seldom more than this away: 0.5 GB for 35 s are $0.0002. The others come
   * with the minute tick.
   */
  retryAwaitedMs: 40 * second,
  giveUpAfterMs: 24 * hour,
  /** A receiver may ask for peace, but not for so long that nothing is tried in between. */
  retryAfterMsMax: 6 * hour,
  /** Five days in which nothing got through: nobody is there. A shorter outage may be a long weekend. */
  disableAfterMs: 5 * 24 * hour,
  /** A new one, the one before, and two that somebody rotated away in a hurry. */
  secretsMax: 4,
  /** One whole schedule and one more: ~60 B each. */
  triesKept: 12,
  /** Time to find out on Monday what failed on Friday. */
  logKeptMs: 7 * 24 * hour,
  /** Tries at once in a process: each holds a socket and a body of at most 200 KB. */
  parallelMax: 64,
  /** Kept for tenants that have no try under way, so that slow receivers of some hold up nobody else's first. */
  parallelReserved: 16,
  parallelOfTenantMax: 8,
  /** A receiver that is slow gets no more of it at once. */
  parallelOfEndpointMax: 4,
  /** Found due of one tenant by one look, and so sent to it a `tickMs` at most: as many as one BatchGetItem reads. */
  dueMax: 100,
  /** A backlog that slow endpoints hold up is looked at anew this often, for what came to the others meanwhile. */
  backlogKeptMs: 10 * second,
  /** The index of what is due may lag: what it hides is found this much later at the latest. One read a minute. */
  turnLookMs: minute,
  /** A tenant with nothing on its way is no longer looked at after so long: no index lags for an hour. */
  turnKeptMs: hour,
  /** From the record of an event to its first try at most, where a process watches. */
  tickMs: second,
} as const;

export const egressLimits = {
  /** What browsers, proxies and servers take without a question; presigned links of S3 have some 1,500. */
  urlCharactersMax: 2_048,
  /** A name is 255 octets on the wire (RFC 1035 section 2.3.4): 253 characters without the last dot. */
  hostCharactersMax: 253,
  /** Servers have most answers in milliseconds; a lost packet costs this much. Each further question waits twice as long. */
  questionMs: second,
  /**
   * To each name server: 7 to 8 s in all with one, as measured. A server that keeps silent about IPv6 alone leaves two of
   * `imageLimits.fetchMs` and seven of `webhookLimits.timeoutMs` for the exchange by IPv4.
   */
  questionsMax: 3,
  /** Node's own default; Amazon's load balancers send 12 KB of headers at most. */
  answerHeaderBytesMax: 16 * kibibyte,
} as const;

export const batchLimits = {
  /** OpenAI's own limits of a batch file, the larger reading of its "200 MB". */
  linesMax: 50_000,
  fileBytesMax: 200 * kibibyte * kibibyte,
  /** The frame in which a job reaches its runner: a longer line could be no job. */
  lineBytesMax: 1024 * kibibyte,
  /** A request's body may nest 16 levels, and a line wraps one. */
  lineDepthMax: 17,
  /**
   * Twice a prompt of 32,768 token ids. Reading lines that are all brackets peaked at 320 MB without this, and at
   * 113 MB with as many as this in each.
   */
  lineValuesMax: 65_536,
  /** OpenAI names no bound, Anthropic's is 64: room for a path or two hashes. */
  customIdCharactersMax: 256,
} as const;

/** Batches and the files they are made of; what a batch file may hold is in {@link batchLimits}. */
export const batchRunLimits = {
  /** The one window that OpenAI's batches have. */
  windowMs: 24 * hour,
  /**
   * Lines of a batch that are jobs at a time, on top of the half of its tenant's open jobs. Enough for eight workers with
   * calls of eight; each takes some 60 B of the batch's item, which is written whole whenever lines end.
   */
  openLinesMax: 64,
  /** Of a tenant, not ended: each costs a look a `lookMs`. */
  openBatchesMax: 20,
  /** Between two looks at the jobs of a batch: they take seconds, and a look reads each of them, 32 RRU. */
  lookMs: 2 * second,
  /** Ended lines are put down when they are this share of a batch's open ones, or none is left to wait for, or after… */
  collectShare: 0.25,
  /** …so long, so that a person sees progress. Each time costs a file and a write. */
  collectMs: 5 * second,
  /** Lines that come to no job, put down at a time: 150 B each. */
  refusedLinesMax: 1_000,
  /** Faults that the batch itself shows; its error file holds every one. */
  errorsShownMax: 20,
  /** Of a submission that somebody else ended under our hands; each of them means a process held up for minutes. */
  lateSubmissionsMax: 3,
  /** Batches that one process works at, side by side: a long file of one holds up nobody else's lines. */
  parallelMax: 4,
  /** Half of them: what holds up all batches of a tenant, such as pictures that do not come, leaves places to others. */
  parallelOfTenantMax: 2,
  /**
   * After so long a batch gives its place to others, once the line that it is at is submitted: that may wait for a picture,
   * `imageLimits.fetchMs`. In this time as many lines as may be open are submitted, at 80 ms each.
   */
  turnMs: 5 * second,
} as const;

export const fileLimits = {
  /**
   * Of a file that comes with its request: Lambda takes 6 MB (of 10^6) of event, in which bytes are base64, so 4.5 MB. What is
   * larger goes straight to the bucket by a link.
   */
  inlineBytesMax: 4 * kibibyte * kibibyte,
  /** As long as a job's; a request may ask for less, an hour at least, as OpenAI's. */
  keptMs: jobLimits.keptMs,
  keptSecondsMin: 60 * 60,
  nameCharactersMax: 128,
  /** A gigabit takes 200 MB in 2 s, a home line of 10 Mbit/s up in 160 s. */
  uploadSeconds: 60 * 60,
  /** Parts in which a long file is written, one of them in memory at a time: S3 takes no smaller ones than 5 MiB, and 10,000. */
  partBytes: 8 * kibibyte * kibibyte,
} as const;

export const imageLimits = {
  /** Pictures in all messages of a chat; a request with more than a few inline passes `apiLimits.bodyBytesMax` anyway. */
  perChatMax: 16,
  /**
   * Pictures that one input names, together: what a function takes with its request (`fileLimits.inlineBytesMax`), so that one
   * that can be stored can be used. A photo of 2,048 x 2,048 takes 1 to 2 MB.
   */
  namedBytesMax: fileLimits.inlineBytesMax,
  /** Those of all jobs of a call: ten inputs at their bound; a call that has more leaves the last jobs to the next one. */
  namedBytesOfCallMax: 10 * fileLimits.inlineBytesMax,
  /** All that a request names, together. It waits for them: beyond ten seconds few of its clients do. */
  fetchMs: 10 * second,
  /**
   * Pictures that one request looks for at a time. An answer of `namedBytesMax` takes some 25 MB on its way through the API's
   * function, which has 512: as base64, as text, and as bytes twice over.
   */
  fetchedAtOnceMax: 4,
  /** As long as a job may wait to start, and a day to run. */
  fetchedKeptMs: jobLimits.startWithinMsMax + 24 * hour,
  /** OpenAI's own limit on a picture in a request. */
  bytesMax: 20 * kibibyte * kibibyte,
  /** 4,096 x 4,096: the photo of a telephone fits, no model here takes a quarter of it. 64 MiB decoded. */
  pixelsMax: 4_096 * 4_096,
  sidePixelsMax: 8_192,
  /** A picture is one picture; what moves is refused rather than cut to its first frame. */
  framesMax: 1,
  /** Decoded bytes, four a pixel, to bytes of the file. Photos stay below 50. */
  ratioMax: 100,
  /** Masks and flat drawings pack a thousandfold: up to 2,048 x 2,048, 16 MiB decoded, the ratio is not asked. */
  ratioFreePixelsMax: 2_048 * 2_048,
  /** What is not picture: EXIF and colour profiles. Those of printing presses have 3 MB. */
  metadataBytesMax: 4 * kibibyte * kibibyte,
  /** A packed profile or text; deflate makes 1,032 bytes of one at most, so 64 MiB of this. */
  packedMetadataBytesMax: 64 * kibibyte,
  /** Chunks and segments. libpng cuts 20 MiB into 2,560. */
  piecesMax: 16_384,
  /** Encoders write ten or so; each costs a pass over the whole picture. */
  scansMax: 64,
  /** The largest picture took 1 to 3.3 s of one core; a machine with other work takes several times that. */
  decodeMs: 20 * second,
  /**
   * Private writable memory of the decoding process, as the kernel counts it (RLIMIT_DATA). Node sets some 620 MB of it
   * aside and touches 65; the largest picture takes 90 more, so four times that are left before the cap.
   */
  decodeMemoryMb: 1_024,
  /** What comes of it: the largest picture written anew, were nothing of it to pack, has 64 MiB. */
  decodedBytesMax: 80 * kibibyte * kibibyte,
} as const;
