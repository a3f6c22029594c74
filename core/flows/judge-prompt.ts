/** Judges a prompt by its tenant's policy and logs what was found: the names of rules, never the prompt. */

import type { Log } from '../ports/process.ts';
import type { PromptJudgement } from '../prompt/policy.ts';
import { judgePrompt } from '../prompt/policy.ts';
import type { PlanLimits } from '../tenancy/plans.ts';
import { promptPolicyOf } from '../tenancy/plans.ts';
import type { TenantRecord } from '../tenancy/tenant.ts';

interface JudgedRequest {
  readonly jobId: string;
  readonly limits: PlanLimits;
  readonly prompt: { readonly texts: readonly string[]; readonly tokens: number };
}

export function judgeAndLog(
  { log }: { readonly log: Log },
  { tenantId, promptTerms }: TenantRecord,
  { jobId, limits, prompt }: JudgedRequest,
): PromptJudgement {
  const judged = judgePrompt(promptPolicyOf(limits, promptTerms), prompt);
  if (judged.kind === 'prompt_rejected') {
    log.info('prompt.rejected', { tenantId, rules: judged.rules.join(' ') });
  } else if (judged.kind === 'pass' && judged.flags.length > 0) {
    log.info('prompt.flagged', { tenantId, jobId, rules: judged.flags.join(' ') });
  }
  return judged;
}
