/**
 * In a share of the worlds, once all is at rest, a tenant asks for just what another one has a kept result of. The clients
 * of a world never ask for one thing: every prompt of theirs names its tenant. What it may be given, the checks know
 * already: no result but of its own, and a job of its own that is run and paid for.
 */
import type { JobRecord } from '#core/job/job.ts';
import type { TenantRecord } from '#core/tenancy/tenant.ts';
import { createRandom } from '../random.ts';
import { submitOnce } from './client.ts';
import type { World } from './world.ts';

const share = 0.1;
const salt = 0xc0b7;
/** One try, whatever it comes to. */
const askMs = 10_000;

/** `settle` lets all come to rest again, and checks it. */
export async function askAlike(world: World, settle: () => Promise<void>): Promise<void> {
  const { history, loop, scenario } = world;
  const random = createRandom(scenario.seed + salt);
  // Messages hold prompts, and the name of a tenant in them tells that one went astray.
  const isFit = scenario.sequel === null && !scenario.hasWebhooks;
  if (random() >= share || !isFit || history.violations.length > 0) return;
  const kept = [...history.stored.values()].filter(isKept);
  const job = kept[Math.floor(random() * kept.length)];
  if (job === undefined) return;
  const others = scenario.tenants.filter(({ tenantId }) => tenantId !== job.tenantId);
  const other = others[Math.floor(random() * others.length)];
  if (other === undefined) return;
  void submitOnce(world, {
    tenant: { tenantId: other.tenantId } as TenantRecord,
    keyId: 'key00001',
    model: job.model,
    quality: null,
    granted: null,
    input: job.input,
    class: 'interactive',
    metadata: { op: `alike-${job.jobId}` },
    webhook: null,
    deadlineSeconds: null,
    cache: null,
    stream: false,
    runMsMax: null,
    idempotencyKey: null,
  });
  await loop.run(loop.clock.nowMs() + askMs, () => history.violations.length > 0);
  await settle();
}

/** Chats may show a picture, which each tenant has of its own. */
function isKept({ cache, status, attempt, input }: JobRecord): boolean {
  return cache !== null && status === 'succeeded' && attempt > 0 && input.messages === undefined;
}
