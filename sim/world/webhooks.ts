/**
 * Webhooks of a world: who wants to be told where, and how the receivers there behave. Drawn by chance of their own, so
 * that the rest of a world goes as it would without them.
 */
import type { Outbound, OutboundAnswer, OutboundRequest } from '#core/egress/outbound.ts';
import type { JobRecord } from '#core/job/job.ts';
import type { Deliveries } from '#core/ports/webhooks.ts';
import { defaultEndpointId, newEndpoint } from '#core/webhook/endpoint.ts';
import type { JobEvent } from '#core/webhook/event.ts';
import { endEvents, jobEvents } from '#core/webhook/event.ts';
import { formatPublicKey, formatSecret, sharedSecret, signingKey } from '#core/webhook/secret.ts';
import { answered } from '../memory/memory-outbound.ts';
import type { Random } from '../random.ts';
import { createRandom } from '../random.ts';
import { dialects } from './dialect-messages.ts';
import type { History } from './history.ts';
import type { Loop } from './loop.ts';
import type { Scenario } from './scenario.ts';
import { oneOf } from './scenario.ts';

export const webhookKey = 'the webhook key of a simulated platform';

const kinds = ['well', 'flaky', 'down', 'slow', 'forgetful', 'gone'] as const;

/**
 * - `well` takes everything; after healing, all but `gone` do.
 * - `flaky` fails now and then, `down` always, in every way there is.
 * - `slow` takes up to twenty seconds: some of what it has taken is told as timed out.
 * - `forgetful` takes a message and now and then says that it has not.
 * - `gone` answers 410.
 */
type ReceiverKind = (typeof kinds)[number];

/** An address, whose it is, and what its owner knows of it. */
export interface Hook {
  readonly tenantId: string;
  readonly endpointId: string;
  readonly url: string;
  readonly kind: ReceiverKind;
  readonly events: readonly JobEvent[];
  readonly secret: string;
  /** As its owner reads it: `whpk_…`. */
  readonly publicKey: string;
}

export interface Webhooks {
  readonly hooks: readonly Hook[];
  readonly outbound: Outbound;
  /** What a submission of this tenant says of a webhook of its own: mostly nothing. */
  drawOwn(tenantId: string): JobRecord['webhook'];
  /** What the stores hold as the world begins. */
  endpoints(): ReturnType<typeof newEndpoint>[];
}

interface WebhooksOptions {
  readonly loop: Loop;
  readonly scenario: Scenario;
  readonly history: History;
  readonly isHealed: () => boolean;
}

export function createWebhooks({ loop, scenario, history, isHealed }: WebhooksOptions): Webhooks {
  const random = createRandom(scenario.seed + 0x5eb0);
  const speak = createSpeech(scenario.seed);
  const told = scenario.hasWebhooks ? scenario.tenants : [];
  const hooks = told.flatMap(({ tenantId }) => drawHooks(random, tenantId, scenario.isCalm));
  for (const { url } of hooks) history.canaries.add(new URL(url).searchParams.get('token') ?? url);

  return {
    hooks,
    outbound: { send: (request) => receive({ loop, random, history, isHealed }, hooks, request) },
    drawOwn(tenantId) {
      const own = hooks.find((hook) => hook.tenantId === tenantId && hook.endpointId === defaultEndpointId);
      if (own === undefined || random() < 0.7) return null;
      return { url: own.url, events: [...own.events], ...speak() };
    },
    endpoints: () =>
      hooks
        .filter(({ endpointId }) => endpointId !== defaultEndpointId)
        .map((hook) => newEndpoint(hook, { ...hook, nowMs: scenario.startMs })),
  };
}

/** Of the worlds with webhooks, and in those of the jobs that have one. By chance of its own: the others are what they were. */
const speakingShare = 0.5;
const dialectShare = 0.7;

/** Says of one job's webhook which dialect its request came in, and what is told there: nothing, for one in ours. */
function createSpeech(seed: number): () => Partial<NonNullable<JobRecord['webhook']>> {
  const random = createRandom(seed + 0xd1a1);
  const isSpeaking = random() < speakingShare;
  return () => {
    if (!isSpeaking || random() >= dialectShare) return {};
    const dialect = oneOf(random, dialects);
    if (dialect === 'runpod') return { events: [...endEvents], form: { dialect } };
    const form = { dialect, apiUrl: 'https://api.example' } as const;
    // Replicate's clients may ask for `output` alone.
    const isOfOutput = dialect === 'replicate' && random() < 0.3;
    return { events: isOfOutput ? ['job.succeeded'] : [...endEvents], form };
  };
}

function drawHooks(random: Random, tenantId: string, isCalm: boolean): Hook[] {
  return ['whe_1', 'whe_2', defaultEndpointId].flatMap((name) => {
    const isDefault = name === defaultEndpointId;
    const endpointId = isDefault ? name : `${name}_${tenantId}`;
    const version = { tenantId, endpointId, version: 1 };
    const token = `canary-hook-${tenantId}-${name}`;
    const hook: Hook = {
      tenantId,
      endpointId,
      url: `https://${tenantId}.example/${name}?token=${token}`,
      kind: oneOf(random, isCalm ? ['well'] : kinds),
      events: oneOf(random, [endEvents, jobEvents, ['job.succeeded', 'job.failed']]),
      secret: formatSecret(sharedSecret(webhookKey, version)),
      publicKey: formatPublicKey(signingKey(webhookKey, version)),
    };
    return random() < 0.5 ? [hook] : [];
  });
}

interface ReceivePlace {
  readonly loop: Loop;
  readonly random: Random;
  readonly history: History;
  readonly isHealed: () => boolean;
}

async function receive(
  { loop, random, history, isHealed }: ReceivePlace,
  hooks: readonly Hook[],
  { url, headers, body, timeoutMs }: OutboundRequest,
): Promise<OutboundAnswer> {
  const hook = hooks.find((each) => each.url === url);
  if (hook === undefined) throw new Error(`nobody named ${url}`);
  const kind = isHealed() && hook.kind !== 'gone' ? 'well' : hook.kind;
  const fails = random() < failShares[kind];
  const takesMs = random() * (kind === 'slow' ? 20_000 : 200);
  const failure = oneOf(random, failures);
  const isTaken = !fails || kind === 'forgetful';
  const text = new TextDecoder().decode(body);
  history.messages.push({ hook, headers, body: text, isTaken: isTaken && kind !== 'gone' });
  await loop.clock.sleep(Math.min(takesMs, timeoutMs));
  if (takesMs > timeoutMs) return { kind: 'failed', reason: 'timeout', detail: '' };
  if (kind === 'gone') return answered(410);
  return fails ? failure : answered(oneOf(random, [200, 202, 204]));
}

const failShares: Readonly<Record<ReceiverKind, number>> = {
  well: 0,
  flaky: 0.4,
  down: 1,
  slow: 0,
  forgetful: 0.4,
  gone: 0,
};

const failures = [
  answered(500),
  answered(301, { location: 'https://elsewhere.example/' }),
  answered(429, { 'retry-after': '20' }),
  answered(404),
  { kind: 'failed', reason: 'connect', detail: '' },
  { kind: 'failed', reason: 'reset', detail: '' },
] as const satisfies readonly OutboundAnswer[];

/** Notes each delivery as it is stored. */
export function watchDeliveries(deliveries: Deliveries, history: History): Deliveries {
  return {
    ...deliveries,
    async put(delivery) {
      const outcome = await deliveries.put(delivery);
      if (outcome === 'stored') history.deliveries.set(delivery.deliveryId, delivery);
      return outcome;
    },
  };
}
