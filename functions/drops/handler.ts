/**
 * Takes dropped files that S3 told of. What could not be answered stays in the queue and comes back; a message that names no
 * dropped file is put away, as looking at it again would tell no more.
 */
import type { SQSBatchResponse } from 'aws-lambda';
import * as z from 'zod';
import { readDropNotice } from '#aws/drop-notice.ts';
import type { DropName, TakeDropPorts } from '#core/flows/take-drop.ts';
import { takeDrop } from '#core/flows/take-drop.ts';
import type { Log } from '#core/ports/process.ts';

const eventSchema = z.object({
  Records: z.array(z.object({ messageId: z.string(), body: z.string() })),
});

type Message = z.infer<typeof eventSchema>['Records'][number];
type Ports = TakeDropPorts & { readonly log: Log };

/** Answers with the messages that failed, as SQS wants them. @throws ZodError for an event that is none of SQS */
export function createDropsHandler(ports: Ports): (event: unknown) => Promise<SQSBatchResponse> {
  return async (event) => {
    const { Records } = eventSchema.parse(event);
    const failed: string[] = [];
    // One after another: each may be a long file, of which one part is held.
    for (const message of Records) failed.push(...(await answer(ports, message)));
    return { batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })) };
  };
}

async function answer(ports: Ports, { messageId, body }: Message): Promise<string[]> {
  const notice = readDropNotice(body);
  if (notice === null) {
    ports.log.error('drop.unreadable', { messageId });
    return [];
  }
  try {
    for (const drop of notice) await takeOne(ports, drop);
    return [];
  } catch (error) {
    ports.log.error('drop.failed', { messageId, reason: String(error) });
    return [messageId];
  }
}

/** The name is the tenant's own: no log has it. */
async function takeOne(ports: Ports, drop: DropName): Promise<void> {
  const { kind, ...told } = await takeDrop(ports, drop);
  const more = 'fault' in told ? { code: told.fault.code } : told;
  ports.log.info(`drop.${kind}`, { tenantId: drop.tenantId, ...more });
}
