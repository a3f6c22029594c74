/**
 * The one table of stored resources: what the local stack creates at boot and what the CDK stacks declare. Pure data,
 * no SDK, so that either side can read it and neither can drift from the other.
 */
import { jobLimits, ticketLimits } from '#core/limits.ts';
import { retentionDaysMax } from '#core/tenancy/plans.ts';

export interface AttributeKey {
  readonly name: string;
  readonly type: 'S' | 'N';
}

export interface IndexResource {
  readonly name: string;
  readonly partition: AttributeKey;
  readonly sort: AttributeKey;
  /** Attributes beside the keys; `[]` projects the keys alone. */
  readonly include: readonly string[];
}

export interface TableResource {
  /** Name of the physical table in the local stack; CDK leaves naming to CloudFormation. */
  readonly localName: string;
  readonly partition: AttributeKey;
  readonly sort: AttributeKey;
  readonly indexes: readonly IndexResource[];
  /** Attribute holding an expiry in epoch seconds. */
  readonly ttl?: string;
}

/**
 * Sparse: an item is in it only while it has both attributes. Holds the lines (`pool#class` by fair tag), the leases
 * (`pool#lease` by expiry), the gates with reservations (`gates`), the workers of each pool (`workers/pool` by when they
 * were last heard of), the tenants with webhooks on their way (`turns` by when to look), what each has on its way
 * (`due/tenant` by when to try) and the directories: `tenants`, `plans`, `aliases`, `own-pools`, the keys of each tenant
 * (`keys/tenant`) and its cached results by last use (`results/tenant`).
 */
const lineIndex: IndexResource = {
  name: 'line',
  partition: { name: 'line', type: 'S' },
  sort: { name: 'tag', type: 'N' },
  // What a worker must know of a waiting job to choose; everything else is read after the claim.
  include: [
    'class',
    'fair_tag',
    'tagCost',
    'model',
    'modelRevision',
    'batchKey',
    'predictedGpuMs',
    'memoryMb',
    'allotmentMb',
    'runningJobsMax',
    'isolation',
    'attempt',
    'startByMs',
    'place',
  ],
};

/** A tenant's jobs by creation; only job items carry `created`. */
const createdIndex: IndexResource = {
  name: 'by_created',
  partition: { name: 'pk', type: 'S' },
  sort: { name: 'created', type: 'N' },
  include: [],
};

export const indexes = { line: lineIndex, created: createdIndex } as const;

export const tables = {
  main: {
    localName: 'pilotlight',
    partition: { name: 'pk', type: 'S' },
    sort: { name: 'sk', type: 'S' },
    indexes: [lineIndex, createdIndex],
    ttl: 'ttl',
  },
  /** A table of its own: the ledger is kept and backed up longer than anything else, and nothing in it expires. */
  ledger: {
    localName: 'pilotlight-ledger',
    partition: { name: 'pk', type: 'S' },
    sort: { name: 'sk', type: 'S' },
    indexes: [],
  },
} as const satisfies Record<string, TableResource>;

/** One standard queue and one dead-letter queue per pool. */
export const queueSettings = {
  visibilitySeconds: ticketLimits.visibilityMs / 1000,
  receiveWaitSeconds: ticketLimits.longPollMs / 1000,
  /** A ticket may wait as long as a job may: SQS keeps a message 14 days at most, a job starts within 7. */
  retentionSeconds: jobLimits.startWithinMsMax / 1000,
  deadLetter: {
    receivesMax: ticketLimits.deliveriesMax,
    /** SQS's own maximum: time for a person to look. */
    retentionSeconds: 14 * 24 * 60 * 60,
  },
} as const;

/** One standard queue and one dead-letter queue for all dropped files: what S3 tells of them. */
export const dropQueueSettings = {
  localName: 'pilotlight-drops',
  localDeadLetterName: 'pilotlight-drops-dead',
  /** Six times its function, as SQS advises; a long file is copied and read within a minute. */
  visibilitySeconds: 6 * 60,
  /** A store that is away for an hour is waited for. */
  receivesMax: 10,
  retentionSeconds: 14 * 24 * 60 * 60,
} as const;

export const bucketSettings = {
  localName: 'pilotlight',
  tenantPrefix: 'tenants/',
  /** Weights, by model and revision. Operators put them there; what expires are files of tenants alone. */
  modelPrefix: 'models/',
  /** Outside of the tenants' prefix, which rules clear by age: an adapter stays until its owner deletes it. */
  adapterPrefix: 'adapters/',
  /** Where tenants put files of lines by their own means, below their names; whoever watches the bucket watches this. */
  dropInPrefix: 'batch/in/',
  /** Where the results of these go. Neither is below the tenants' prefix, as S3 tells of objects below one prefix. */
  dropOutPrefix: 'batch/out/',
  /** Whatever carries no tag of its own. Pictures go with their job records. */
  expireAfterDays: retentionDaysMax,
  /**
   * The tag of a file that says after how many days it goes. One lifecycle rule for each value, because a rule has one
   * number of days; S3 takes 1,000 rules. It removes files at the midnight (UTC) after, or later.
   */
  retentionTag: 'retention_days',
  retentionRules: Array.from({ length: retentionDaysMax }, (_, index) => ({
    tagValue: String(index + 1),
    expireAfterDays: index + 1,
  })),
  /** A console on another origin shows pictures by their presigned links; the link is the permission. */
  cors: { origins: ['*'], methods: ['GET', 'HEAD'], headers: ['*'], maxAgeSeconds: 3_600 },
} as const;

/**
 * The attribute that the instances of a pool carry in ECS: its service places workers there alone, and events of an
 * instance name its pool by it.
 */
export const poolAttribute = 'pilotlight.pool';

export function localQueueName(pool: string): string {
  return `pilotlight-${pool}`;
}

export function localDeadLetterName(pool: string): string {
  return `pilotlight-${pool}-dead`;
}

/** The tag that names the tenant of a session, which the policy of the role of sessions fills its resources with. */
export const tenantTag = 'tenant';
