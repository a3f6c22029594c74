/** A line of a batch as a submission, and everything that its submission may come to as a line's result. */
import type { Refusal } from '../admission/gate.ts';
import { inLimitUnit } from '../admission/gate.ts';
import { refusalCodes } from '../admission/refusal-codes.ts';
import type { BatchRecord } from '../batch/batch.ts';
import { traceparentOfBatch } from '../batch/batch.ts';
import type { LineFault } from '../batch/batch-line.ts';
import { requestFault } from '../batch/batch-line.ts';
import { lineKeyOf } from '../batch/line-result.ts';
import type { LineSubmission } from '../batch/line-route.ts';
import type { ErrorDetail } from '../errors.ts';
import { requestErrors } from '../errors.ts';
import { traceparentWithin } from '../observability/trace.ts';
import { promptError } from '../prompt/prompt-error.ts';
import type { TenantRecord } from '../tenancy/tenant.ts';
import { grantedBy } from '../tenancy/tenant.ts';
import type { SubmitAsk, SubmitOutcome } from './submission.ts';

/** Whoever asks for the line asks for this job; sent again it says the same, so it is the same request. */
export function askOf(
  batch: BatchRecord,
  tenant: TenantRecord,
  line: { readonly number: number; readonly submission: LineSubmission },
): SubmitAsk {
  const { paramOf: _, ...submission } = line.submission;
  return {
    ...submission,
    tenant,
    keyId: batch.keyId,
    granted: grantedBy(tenant.models, batch.keyModels),
    class: 'batch',
    webhook: null,
    startByMs: batch.expiresAtMs,
    idempotencyKey: lineKeyOf(batch.batchId, line.number),
    traceparent: traceparentWithin(traceparentOfBatch(batch), lineKeyOf(batch.batchId, line.number)),
  };
}

type Unaccepted = Exclude<
  SubmitOutcome,
  { kind: 'accepted' | 'replayed' | 'refused' | 'in_flight' | 'too_late' }
>;

/** What is wrong with the request itself, or came of it, by the names of the line's body. */
export function faultOfOutcome(outcome: Unaccepted, { paramOf }: Pick<LineSubmission, 'paramOf'>): LineFault {
  const fault = (code: string, message: string, details?: readonly ErrorDetail[]) =>
    requestFault(
      code,
      message,
      details?.map((each) => ({ ...each, path: paramOf(each.path) })),
    );
  switch (outcome.kind) {
    case 'model_not_found':
    case 'model_not_granted':
      return fault(outcome.kind, requestErrors[outcome.kind].text, [
        { path: 'model', message: requestErrors[outcome.kind].text },
      ]);
    case 'invalid':
      return fault('invalid_request', requestErrors.invalid_request.text, outcome.details);
    case 'invalid_adapter':
      return fault('invalid_adapter', requestErrors.invalid_adapter.text, outcome.details);
    case 'invalid_prompt_xml':
    case 'prompt_too_long':
    case 'prompt_rejected': {
      const { code, publicMessage, options } = promptError(outcome);
      return fault(code, publicMessage, options.details);
    }
    // Its job ended, was charged, and is past its retention: it is not run again.
    case 'key_spent':
      return fault('result_expired', 'The job of this line is past its retention.');
    // The same line of the same file is the same request; only a version that reads requests otherwise could say this.
    case 'mismatch':
      return fault('conflict', 'The job of this line was asked for by another request.');
  }
}

/** `tenant_suspended` for a gate that is closed. */
export function faultOfRefusal({ limit, used, max }: Refusal): LineFault {
  if (limit === 'suspended') return requestFault('tenant_suspended', requestErrors.tenant_suspended.text);
  const [usedText, maxText] = [inLimitUnit(limit, used), inLimitUnit(limit, max)];
  return requestFault(
    refusalCodes[limit],
    `The limit ${limit} leaves no room for this line: ${usedText} of ${maxText} are used.`,
  );
}
