/**
 * What a tenant's limits say of a request before anything is fetched for it: the admission that counts comes after, and what
 * was fetched for nothing would take the tenant's room, and our time, without a limit that counts it.
 */
import { judge, planAdmission } from '../admission/gate.ts';
import { faultsOfRequest } from '../admission/request-faults.ts';
import { cacheUseOf } from '../cache/cached-result.ts';
import type { CheckedRequest } from './checked-request.ts';
import { asHit, demandOf } from './checked-request.ts';
import type { SubmitAsk, SubmitOutcome, SubmitPorts } from './submission.ts';

/** Null: nothing speaks against it yet. A request that the result cache may answer is asked for no more than an answer takes. */
export async function refusedAlready(
  { clock, gates }: Pick<SubmitPorts, 'clock' | 'gates'>,
  { tenant: { tenantId }, cache: asked }: SubmitAsk,
  checked: CheckedRequest,
): Promise<SubmitOutcome | null> {
  const { limits, input, adapters } = checked;
  const use = cacheUseOf(limits, { asked, manifest: checked.model.manifest, input, adapters });
  if (use.kind === 'invalid') return use;
  const least = use.kind === 'use' ? asHit(checked) : checked;
  const nowMs = clock.nowMs();
  const admission = planAdmission(limits, demandOf(least, ''), nowMs);
  const details = faultsOfRequest(limits, least.work, admission);
  if (details.length > 0) return { kind: 'invalid', details };
  const gate = await gates.read(tenantId);
  if (gate === null) return null;
  const judgement = judge(gate, admission, nowMs);
  return judgement.kind === 'refuse' ? { kind: 'refused', refusal: judgement.refusal, gate } : null;
}
