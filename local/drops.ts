/** Takes dropped files as long as the platform runs: the queue and the handler are those that AWS has. */
import { DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { AwsConfig } from '#aws/clients.ts';
import { dropQueueSettings } from '#aws/resources.ts';
import type { TakeDropPorts } from '#core/flows/take-drop.ts';
import { ticketLimits } from '#core/limits.ts';
import type { Clock, Log } from '#core/ports/process.ts';
import { createDropsHandler } from '#functions/drops/handler.ts';

export interface DropTaker {
  /** Ends the file that is being taken. */
  stop(): Promise<void>;
}

const pauseMs = 1_000;

export function startDrops(
  ports: TakeDropPorts & { readonly clock: Clock; readonly log: Log },
  { region, credentials, endpoints }: AwsConfig,
  QueueUrl: string,
): DropTaker {
  const stopping = new AbortController();
  const queues = new SQSClient({
    region,
    ...(credentials === undefined ? {} : { credentials }),
    ...(endpoints === undefined ? {} : { endpoint: endpoints.sqs }),
  });
  const answer = createDropsHandler(ports);
  const running = takeUntil(stopping.signal);
  return {
    async stop() {
      stopping.abort();
      await running;
      queues.destroy();
    },
  };

  async function takeUntil(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await takeSome(signal);
      } catch (error) {
        if (signal.aborted) return;
        ports.log.warn('drop.not_received', { reason: String(error) });
        await ports.clock.sleep(pauseMs, signal);
      }
    }
  }

  async function takeSome(signal: AbortSignal): Promise<void> {
    const ask = new ReceiveMessageCommand({
      QueueUrl,
      WaitTimeSeconds: ticketLimits.longPollMs / 1000,
      VisibilityTimeout: dropQueueSettings.visibilitySeconds,
    });
    const { Messages = [] } = await queues.send(ask, { abortSignal: signal });
    for (const { MessageId: messageId = '', Body: body = '', ReceiptHandle } of Messages) {
      const { batchItemFailures } = await answer({ Records: [{ messageId, body }] });
      if (batchItemFailures.length === 0)
        await queues.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    }
  }
}
