/** What the parts of the suite of every engine share; see `engine.contract.ts`. */
import { createHash } from 'node:crypto';
import type { RunnerMessage } from '../protocol/messages.ts';
import type { RunnerUnderTest, SampleBatch } from './runner-under-test.ts';

export interface SampleInputs {
  readonly model: string;
  /**
   * What its items make: `text` is one file, told in pieces before it is there.
   * @default 'pictures'
   */
  readonly makes?: 'pictures' | 'text';
  /** Makes two pictures in `quickSteps` steps, or a text of as many tokens. */
  readonly quick: object;
  readonly quickSteps: number;
  /** Runs for several steps of some milliseconds each. */
  readonly slow: object;
  /** A value out of range. */
  readonly invalid: object;
  /**
   * How far a channel of a pixel, 0 to 255, may be from what the same item gets alone: a device may add in another
   * order when it has more to add.
   * @default 0: the same bytes
   */
  readonly batchTolerance?: number;
  /**
   * Steps of `previewed` after which it shows those who ask how it looks.
   * @default it shows nothing
   */
  readonly previews?: readonly number[];
  /** @default quick */
  readonly previewed?: object;
  /**
   * Paths of two adapters that each change the picture of `quick`.
   * @default the engine takes no adapters
   */
  readonly adapters?: readonly [string, string];
}

/** One model of an engine, loaded in a process that the tests of it share, one after the other. */
export interface ModelScene {
  /** Of the engine. */
  readonly name: string;
  readonly sample: SampleInputs;
  /** For use within a test: the process is there by then. */
  readonly shared: () => RunnerUnderTest;
  readonly batchOf: (batchId: string, items: SampleBatch['items']) => SampleBatch;
}

export function progressOf(itemId: string) {
  return (message: RunnerMessage): message is Extract<RunnerMessage, { type: 'progress' }> =>
    message.type === 'progress' && message.id === itemId;
}

export function sha256Of(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex');
}
