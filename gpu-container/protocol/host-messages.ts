/**
 * What a worker and a runner host say to each other, version 1, where the host is a program in another container: one
 * JSON object a line (`framing.ts`), over the host's unix socket. Jobs and what comes of them do not pass here: each
 * runner has a socket of its own.
 *
 * - The worker says `hello`; the host answers `welcome`, or `refused` while another worker has it or where the versions
 *   differ, and closes. Whoever wants to know whether the host lives says `ping`, with or without a `hello` before.
 * - `start` is answered by `started` or `not_started`; of one that was started come `output` and, once, `ended`. The ids
 *   are the worker's, each used once.
 * - `memory` and `card` are answered by a message that carries their `ask`.
 * - When the connection closes, every runner of it is killed and its folder removed.
 *
 * A worker names an engine and never a program, and no folder but that of models, of which the host knows which there
 * are. A host names folders below the scratch root that both know, by their bare names.
 */
import * as z from 'zod';
import { engines } from '#core/models/manifest.ts';

export const hostProtocolVersion = 1;

/** A line of output in its longest escaped form is 12 KB. */
export const hostFrameBytesMax = 64 * 1024;

const wholeSchema = z.int().nonnegative();
const ofRunner = { id: wholeSchema };

/** What a worker says. */
export const hostRequestSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('hello'), protocol: wholeSchema }),
  z.strictObject({ type: z.literal('ping') }),
  z.strictObject({
    type: z.literal('start'),
    ...ofRunner,
    engine: z.enum(engines),
    modelsDir: z.string().startsWith('/'),
    memoryMaxMb: z.int().positive().nullable(),
  }),
  z.strictObject({ type: z.literal('kill'), ...ofRunner }),
  z.strictObject({ type: z.literal('memory'), ask: wholeSchema, ...ofRunner }),
  z.strictObject({ type: z.literal('card'), ask: wholeSchema }),
]);

const cardSchema = z.strictObject({
  busyPercent: z.number().nullable(),
  memoryBytes: z.number().nullable(),
});

/** What a host says. */
export const hostAnswerSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('welcome'), protocol: wholeSchema }),
  z.strictObject({ type: z.literal('refused'), reason: z.enum(['busy', 'protocol_version']) }),
  z.strictObject({ type: z.literal('pong') }),
  z.strictObject({
    type: z.literal('started'),
    ...ofRunner,
    pid: z.int().positive(),
    /** A bare name: a path could lead to what the worker must not touch. */
    folder: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/),
  }),
  z.strictObject({ type: z.literal('not_started'), ...ofRunner, reason: z.string() }),
  z.strictObject({
    type: z.literal('output'),
    ...ofRunner,
    pid: z.int().positive(),
    stream: z.enum(['stdout', 'stderr']),
    text: z.string(),
  }),
  z.strictObject({
    type: z.literal('ended'),
    ...ofRunner,
    exitCode: z.int().nullable(),
    signal: z.string().nullable(),
  }),
  /** Null for a process that is gone. */
  z.strictObject({ type: z.literal('memory'), ask: wholeSchema, residentMb: wholeSchema.nullable() }),
  /** Null where runners have no card. */
  z.strictObject({ type: z.literal('card'), ask: wholeSchema, reading: cardSchema.nullable() }),
  z.strictObject({ type: z.literal('card_not_seen'), ask: wholeSchema, reason: z.string() }),
]);

export type HostRequest = z.infer<typeof hostRequestSchema>;
export type HostAnswer = z.infer<typeof hostAnswerSchema>;
