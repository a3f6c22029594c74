/**
 * Counts what the SDK's clients ask for, as AWS bills it: SQS and S3 by the request, DynamoDB by the units that its answers tell.
 * The embedded table tells the units of its items and not those of its indexes: these follow from an item before and after
 * a write, by AWS's rule (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html, "Write capacity units").
 */
import type { GetCommandOutput } from '@aws-sdk/lib-dynamodb';
import { GetCommand } from '@aws-sdk/lib-dynamodb';
import type { Clients } from '#aws/clients.ts';
import { tables } from '#aws/resources.ts';

/** Counts by name; what never came is not there. */
export type Tally = Map<string, number>;

type Item = GetCommandOutput['Item'];
type Index = (typeof tables.main.indexes)[number];

interface Args {
  readonly input: Record<string, unknown>;
}

interface Answer {
  readonly output: {
    readonly ConsumedCapacity?: Capacity | readonly Capacity[];
    readonly Messages?: readonly unknown[];
  };
}

interface Capacity {
  readonly CapacityUnits?: number;
}

type Handler = (args: Args) => Promise<Answer>;

const writes: ReadonlySet<string> = new Set(['PutItemCommand', 'UpdateItemCommand', 'DeleteItemCommand']);
const reads: ReadonlySet<string> = new Set(['GetItemCommand', 'QueryCommand']);
const kibibyte = 1024;

export function add(tally: Tally, name: string, count = 1): void {
  tally.set(name, (tally.get(name) ?? 0) + count);
}

/** @param looking another client of the same table, whose own requests are not counted */
export function tallyRequests(clients: Clients, looking: Clients, tally: Tally): void {
  watch(clients.documents, (next, command) => async (args) => {
    if (writes.has(command)) return countWrite({ next, command, args, looking, tally });
    if (!reads.has(command)) throw new Error(`nobody said how ${command} is billed`);
    const answer = await next(withCapacity(args));
    add(tally, `dynamodb ${command}`);
    add(tally, 'dynamodb read units', unitsOf(answer));
    return answer;
  });
  watch(clients.queues, (next, command) => async (args) => {
    const answer = await next(args);
    // Asking a line with nothing in it is what waiting costs, not what a job costs.
    const isIdle = command === 'ReceiveMessageCommand' && (answer.output.Messages ?? []).length === 0;
    if (!isIdle) add(tally, `sqs ${command}`);
    return answer;
  });
  // Below what makes links, which asks nobody.
  watch(
    clients.blobs,
    (next, command) => async (args) => {
      add(tally, `s3 ${command}`);
      return next(args);
    },
    'deserialize',
  );
}

function watch(
  client: { readonly middlewareStack: object },
  count: (next: Handler, command: string) => Handler,
  step: 'initialize' | 'deserialize' = 'initialize',
) {
  // Each client's stack has types of its own for inputs; only what all of them have is read.
  const stack = client.middlewareStack as { add(middleware: unknown, options: object): void };
  const middleware = (next: Handler, context: { readonly commandName?: string }) =>
    count(next, String(context.commandName));
  stack.add(middleware, { step, name: 'tally' });
}

interface Write {
  readonly next: Handler;
  readonly command: string;
  readonly args: Args;
  readonly looking: Clients;
  readonly tally: Tally;
}

async function countWrite({ next, command, args, looking, tally }: Write): Promise<Answer> {
  const before = await itemOf(looking, args);
  add(tally, `dynamodb ${command}`);
  try {
    const answer = await next(withCapacity(args));
    add(tally, 'dynamodb write units', unitsOf(answer));
    add(tally, 'dynamodb index write units', indexUnits(before, await itemOf(looking, args)));
    return answer;
  } catch (error) {
    // A condition that does not hold is billed as the write, and its answer tells no units.
    add(tally, 'dynamodb write units', Math.max(1, kibibytes(before)));
    throw error;
  }
}

function withCapacity({ input, ...rest }: Args): Args {
  return { ...rest, input: { ...input, ReturnConsumedCapacity: 'TOTAL' } };
}

/** @throws where a stack tells none: a count of nothing would look like a price of nothing */
function unitsOf({ output: { ConsumedCapacity } }: Answer): number {
  const told = [ConsumedCapacity ?? []].flat();
  if (told.length === 0) throw new Error('the table told no consumed units');
  return told.reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0);
}

async function itemOf({ documents }: Clients, { input }: Args): Promise<Item> {
  const { TableName, Key, Item: put } = input as { TableName: string; Key?: object; Item?: Item };
  const { partition, sort } = tables.main;
  const key = Key ?? { [partition.name]: put?.[partition.name], [sort.name]: put?.[sort.name] };
  return (await documents.send(new GetCommand({ TableName, Key: { ...key }, ConsistentRead: true }))).Item;
}

/** Of every index of the main table; the ledger has none, and its items lack the attributes. */
export function indexUnits(before: Item, after: Item): number {
  return tables.main.indexes.reduce((sum, index) => {
    const [old, now] = [entryOf(index, before), entryOf(index, after)];
    return sum + entryUnits(index, old, now);
  }, 0);
}

/** An entry that moves is deleted in one place and put in another. */
function entryUnits(index: Index, old: Item, now: Item): number {
  if (old === undefined || now === undefined) return kibibytes(old ?? now);
  const isSame = (names: readonly string[]) => names.every((name) => same(old[name], now[name]));
  if (!isSame([index.partition.name, index.sort.name])) return kibibytes(old) + kibibytes(now);
  return isSame(Object.keys({ ...old, ...now })) ? 0 : Math.max(kibibytes(old), kibibytes(now));
}

/** What an index holds of an item: nothing, unless the item has both of its key's attributes. */
function entryOf({ partition, sort, include }: Index, item: Item): Item {
  if (item?.[partition.name] === undefined || item[sort.name] === undefined) return undefined;
  const own = [tables.main.partition, tables.main.sort, partition, sort].map(({ name }) => name);
  const names = new Set([...own, ...include]);
  return Object.fromEntries(Object.entries(item).filter(([name]) => names.has(name)));
}

function same(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

/** Begun ones; JSON is a little longer than what AWS counts. */
function kibibytes(item: Item): number {
  return item === undefined ? 0 : Math.ceil(Buffer.byteLength(JSON.stringify(item)) / kibibyte);
}
