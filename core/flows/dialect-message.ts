/** What is told of a job whose request came in a dialect, in that one's form. */
import { falHeaders, falMessage } from '../dialects/fal/webhook.ts';
import { presentPrediction } from '../dialects/replicate/prediction.ts';
import { presentRunpodJob } from '../dialects/runpod/job.ts';
import type { JobRecord, WebhookForm } from '../job/job.ts';
import type { SecretName } from '../webhook/secret.ts';
import type { TellOutputsPorts } from './tell-outputs.ts';
import { tellOutputs } from './tell-outputs.ts';

export interface DialectMessage {
  readonly body: string;
  /** What goes beside the headers of every message: a signature of the dialect's own. */
  headers(how: SignedHow): Readonly<Record<string, string>>;
}

export interface SignedHow {
  readonly webhookKey: string;
  /** In force, newest first. */
  readonly secrets: readonly SecretName[];
  readonly nowMs: number;
}

/** With links that work from now on: each try has its own. */
export async function dialectMessage(
  ports: TellOutputsPorts,
  job: JobRecord,
  form: WebhookForm,
): Promise<DialectMessage> {
  if (form.dialect === 'runpod') return { body: JSON.stringify(presentRunpodJob(job)), headers: () => ({}) };
  const { dialect, apiUrl } = form;
  const outputs = await tellOutputs(ports, job);
  switch (dialect) {
    case 'replicate': {
      const body = JSON.stringify(presentPrediction(job, { outputs, apiUrl, streamUrl: null }));
      return { body, headers: () => ({}) };
    }
    case 'fal': {
      const body = falMessage(job, outputs);
      return { body, headers: ({ webhookKey, ...how }) => falHeaders(webhookKey, { job, body }, how) };
    }
  }
}
