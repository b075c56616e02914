/**
 * The estimator's constants. They were chosen together, by replaying traces (docs/estimates.md has
 * the figures, `npm run bench:estimates` makes them): whoever changes one must replay all.
 */
export const estimatorSettings = {
  /** Futures of one forecast, which are also its samples. */
  samples: 64,

  // What is kept of finished operations.
  /** Latest service times kept of a task. */
  taskWindow: 144,
  /**
   * Weights fall by a factor of e every 36 operations, so the window is worth about 70 equally
   * weighted ones.
   */
  taskFade: 36,
  /** Values kept of the time that remained at the entry of a stage. */
  stageWindow: 64,
  pooledWindow: 512,
  /** A task with fewer finished operations uses the pool of all tasks. */
  taskSamplesMin: 4,
  /** With fewer in the pool there is no estimate. */
  pooledSamplesMin: 5,
  /** Below this many finished operations of the task, confidence is 'low'. */
  confidentSamplesMin: 100,
  /** Tasks beyond this many use only the pool. */
  tasksMax: 1_000,
  /**
   * Stages distinguished in one task: a message with a number in it would make one for each number.
   */
  stagesMax: 64,
  /**
   * Finished operations of a task before one of it can take "longer than usual": with two, every
   * second one would.
   */
  usualSamplesMin: 5,
  /** Progress buckets of a fraction: 5 % each. */
  stageFractions: 20,
  stageKeyChars: 100,
  /** Finished operations of a task by which its estimates are judged. */
  accuracyWindow: 256,

  // Estimates that several new operations share.
  firstKeptMax: 1_000,
  /** Their places differ by at most this share of a round of all slots, or of what is ahead. */
  firstRoundShare: 0.25,
  firstAheadShare: 0.1,
  firstElapsedMsMax: 100,

  // Durations longer than any seen, and declared ones.
  /** How far into the gap to the next longer time a draw may lie. */
  gapShare: 0.2,
  /** With fewer window values above the elapsed time, a Pareto tail is used instead. */
  tailSamplesMin: 3,
  tailExponent: 1.5,
  /** Spread of a declared duration: sigma of a lognormal whose median is the declared one. */
  declaredSigma: 0.5,

  /** News kept for other processes: facts learned here that are not in the shared state. */
  newsMax: 4_096,

  // Queues.
  /** Draws of a forecast for one operation alone; beyond it the shared snapshot answers. */
  drawsMax: 8_192,
  /**
   * The same where caps or delayed starts need a simulation of events, which costs about four times
   * as much a draw.
   */
  admissionDrawsMax: 2_048,
  /** Neighbouring positions of a snapshot differ by this factor. */
  snapshotGrowth: 1.15,
  snapshotMsMin: 250,
  /** Equally likely waits that other processes are told for each position. */
  sharedWaits: 16,
  /** Marks by which other processes find operations: their positions differ by this factor. */
  markGrowth: 1.05,
  /**
   * A forecast of another process is used until it is this old (or twice the time it is kept, if
   * that is longer); then only the counts are.
   */
  sharedMsMax: 10_000,
  /** A snapshot is kept for this share of the wait of its last operation. */
  snapshotHorizonShare: 0.02,

  // The bound.
  missTarget: 0.1,
  learningRate: 0.1,
  /**
   * More outstanding predictions than this shorten the step, because their feedback is still to
   * come.
   */
  outstandingFull: 16,
  lambdaMax: 50,
  spreadShareMin: 0.02,
  spreadMsMin: 50,
} as const;

/** How polls are planned, and the bounds that hold whatever the forecast says. */
export const pollSettings = {
  /** What one poll costs, in units of relative lag. */
  pollCost: 0.013,
  /**
   * Operations shorter than this are treated alike: their lag is weighed as if they took this long.
   */
  ageMsMin: 7_000,
  waitMsMin: 400,
  waitAgeShareMin: 0.02,
  waitMsFree: 2_000,
  waitAgeShareMax: 0.5,
  waitPredictedShareMax: 0.25,
  /**
   * A wait is lengthened by up to this share. Never shortened: a poll just before the likely end is
   * wasted.
   */
  jitter: 0.002,
  /**
   * This share of the budget is promised; the rest is for polls that come later than they were
   * asked to.
   */
  promisedShare: 0.95,
  capMsDefault: 60_000,
} as const;
