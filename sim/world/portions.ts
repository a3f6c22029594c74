/**
 * Clients that read a job in portions, as those of RunPod do: each request takes what is new, and none says how much it has.
 * What they are told adds up to the result, and nothing comes twice; what a request without an answer took is missing.
 */
import type { Portion } from '#core/flows/read-portion.ts';
import { readPortion } from '#core/flows/read-portion.ts';
import type { JobRecord } from '#core/job/job.ts';
import { isTerminal } from '#core/job/job.ts';
import { createRandom } from '../random.ts';
import { violate } from './history.ts';
import type { World } from './world.ts';

/** Of the worlds, by chance of its own: the others are what they were. */
const portionsShare = 0.2;
/** Of the jobs there: read by two at once, who share what there is. */
const twoShare = 0.3;
/** Of a world's time. */
const patienceMs = 120_000;
const waitMs = 5_000;
const pauseMs = 1_000;

/** What one reader was told, in order. */
interface Reader {
  readonly pieces: string[];
  /** A request of it had no answer: what it took is lost. */
  isCut: boolean;
  /** Was told to the end, unless it lost its patience, or the job went on otherwise. */
  ended: JobRecord | null;
}

/** Whether jobs are read so, and a draw of how many read each: null in the worlds where none is. */
export function portionChance(seed: number): (() => number) | null {
  const random = createRandom(seed + 0x907);
  return random() < portionsShare ? random : null;
}

/** Reads to the end, unless the readers lose their patience. */
export async function readInPortions(world: World, tenantId: string, jobId: string): Promise<void> {
  const { portions } = world;
  if (portions === null) return;
  const count = portions() < twoShare ? 2 : 1;
  const readers = await Promise.all(Array.from({ length: count }, () => readAll(world, tenantId, jobId)));
  check(world, readers);
}

async function readAll(world: World, tenantId: string, jobId: string): Promise<Reader> {
  const { clock } = world.loop;
  const reader: Reader = { pieces: [], isCut: false, ended: null };
  const untilMs = clock.nowMs() + patienceMs;
  while (clock.nowMs() < untilMs) {
    const portion = await ask(world, tenantId, jobId);
    if (portion === null) reader.isCut = true;
    else if (portion.kind === 'otherwise') {
      if (world.scenario.isCalm) violate(world.history, 'stream', `${jobId} went on otherwise`);
      break;
    } else if (portion.text !== '') reader.pieces.push(portion.text);
    else if (isTerminal(portion.job)) {
      reader.ended = portion.job;
      break;
    }
    await clock.sleep(pauseMs);
  }
  return reader;
}

/** Null: nobody knows what came of the request. */
async function ask(world: World, tenantId: string, jobId: string): Promise<Portion | null> {
  const { process, ports } = world.api('portion');
  const { clock } = process;
  const gone = new AbortController();
  world.loop.after(2 * waitMs, () => gone.abort());
  const served = await process.serve(async () => {
    const job = await ports.jobs.get(tenantId, jobId, { consistent: true });
    if (job === null) throw new Error('the reader was told of the job');
    return readPortion({ ...ports, clock, ids: world.ids }, job, {
      endMs: clock.nowMs() + waitMs,
      gone: gone.signal,
    });
  });
  return served.kind === 'answered' ? served.value : null;
}

function check({ history }: World, readers: readonly Reader[]): void {
  const job = readers[0]?.ended;
  const whole = job?.outputs[0]?.text;
  if (job?.status !== 'succeeded' || whole === undefined) return;
  for (const { pieces } of readers) {
    if (!isInOrder(pieces, whole)) violate(history, 'stream', `${job.jobId} said ${pieces} in portions`);
  }
  const said = readers.flatMap(({ pieces }) => pieces).reduce((sum, { length }) => sum + length, 0);
  if (said > whole.length) violate(history, 'stream', `${job.jobId} said something twice`);
  const isWhole = readers.every(({ isCut, ended }) => !isCut && ended !== null);
  if (isWhole && said !== whole.length) {
    violate(history, 'stream', `${job.jobId} said ${said} of ${whole.length} characters in portions`);
  }
}

function isInOrder(pieces: readonly string[], whole: string): boolean {
  let at = 0;
  for (const piece of pieces) {
    const begins = whole.indexOf(piece, at);
    if (begins < 0) return false;
    at = begins + piece.length;
  }
  return true;
}
