/** Every command with its one-line summary; a command's own module is loaded when it is asked for. */
import type { Command } from './command.ts';

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<{ readonly command: Command }>;
}

export const commandTable: readonly CommandEntry[] = [
  {
    name: 'generate',
    summary: 'Make pictures from a prompt',
    load: () => import('./commands/generate.ts'),
  },
  { name: 'jobs list', summary: 'List jobs, newest first', load: () => import('./commands/jobs-list.ts') },
  { name: 'jobs show', summary: 'Show a job', load: () => import('./commands/jobs-show.ts') },
  {
    name: 'jobs logs',
    summary: 'Show what was logged of a job, on a laptop or in an AWS account',
    load: () => import('./commands/jobs-logs.ts'),
  },
  {
    name: 'jobs watch',
    summary: 'Follow a job until it ends',
    load: () => import('./commands/jobs-watch.ts'),
  },
  {
    name: 'jobs cancel',
    summary: 'Cancel a job; harmless when it has ended',
    load: () => import('./commands/jobs-cancel.ts'),
  },
  {
    name: 'jobs retry',
    summary: 'Submit a job that failed or expired again, as a new job',
    load: () => import('./commands/jobs-retry.ts'),
  },
  {
    name: 'jobs refund',
    summary: 'Give back what a job was charged, once',
    load: () => import('./commands/jobs-refund.ts'),
  },
  {
    name: 'batch submit',
    summary: 'Upload a JSONL file and run its lines as a batch',
    load: () => import('./commands/batch-submit.ts'),
  },
  {
    name: 'batch list',
    summary: 'List batches, newest first',
    load: () => import('./commands/batch-list.ts'),
  },
  {
    name: 'batch show',
    summary: 'Show a batch and how far it came',
    load: () => import('./commands/batch-show.ts'),
  },
  {
    name: 'batch cancel',
    summary: 'Cancel a batch; lines that have ended keep their results',
    load: () => import('./commands/batch-cancel.ts'),
  },
  {
    name: 'batch results',
    summary: 'Write the output and the errors of a batch to files',
    load: () => import('./commands/batch-results.ts'),
  },
  { name: 'models list', summary: 'List models', load: () => import('./commands/models-list.ts') },
  {
    name: 'models show',
    summary: 'Show a model and what it takes',
    load: () => import('./commands/models-show.ts'),
  },
  {
    name: 'models warmup',
    summary: 'Have a worker kept up ahead of work, at the price of its time',
    load: () => import('./commands/models-warmup.ts'),
  },
  {
    name: 'models grant',
    summary: 'Set the models that a tenant may use',
    load: () => import('./commands/models-grant.ts'),
  },
  {
    name: 'usage',
    summary: 'Show what was used and what it cost',
    load: () => import('./commands/usage.ts'),
  },
  {
    name: 'capacity',
    summary: 'Tell how many tenants a card serves at once',
    load: () => import('./commands/capacity.ts'),
  },
  {
    name: 'cost',
    summary: 'Tell what a deployment will cost, idle and for a million jobs',
    load: () => import('./commands/cost.ts'),
  },
  {
    name: 'costs',
    summary: "Show where a month's instance bill went",
    load: () => import('./commands/costs.ts'),
  },
  {
    name: 'doctor',
    summary: 'See whether an AWS account can take the deployment, and say what to do',
    load: () => import('./commands/doctor.ts'),
  },
  {
    name: 'tenants add',
    summary: 'Add a tenant and its first key',
    load: () => import('./commands/tenants-add.ts'),
  },
  { name: 'tenants list', summary: 'List tenants', load: () => import('./commands/tenants-list.ts') },
  {
    name: 'tenants show',
    summary: 'Show a tenant and its limits',
    load: () => import('./commands/tenants-show.ts'),
  },
  {
    name: 'tenants update',
    summary: "Change a tenant's plan or single limits",
    load: () => import('./commands/tenants-update.ts'),
  },
  {
    name: 'tenants suspend',
    summary: 'Refuse everything a tenant asks, at once',
    load: () => import('./commands/tenants-suspend.ts'),
  },
  {
    name: 'tenants resume',
    summary: 'Let a suspended tenant in again',
    load: () => import('./commands/tenants-resume.ts'),
  },
  {
    name: 'tenants remove',
    summary: 'Delete a tenant; its jobs settle, its ledger stays',
    load: () => import('./commands/tenants-remove.ts'),
  },
  {
    name: 'tenants jobs',
    summary: "List a tenant's jobs, newest first",
    load: () => import('./commands/tenants-jobs.ts'),
  },
  {
    name: 'tenants ledger',
    summary: "List the charges and refunds of a tenant's month",
    load: () => import('./commands/tenants-ledger.ts'),
  },
  { name: 'keys create', summary: 'Create a key', load: () => import('./commands/keys-create.ts') },
  {
    name: 'keys list',
    summary: 'List keys, without their secrets',
    load: () => import('./commands/keys-list.ts'),
  },
  {
    name: 'keys rotate',
    summary: 'Replace a key; the old one works until the overlap ends',
    load: () => import('./commands/keys-rotate.ts'),
  },
  {
    name: 'keys revoke',
    summary: 'End a key for good; refused everywhere within a minute',
    load: () => import('./commands/keys-revoke.ts'),
  },
  {
    name: 'adapters add',
    summary: 'Upload a LoRA (safetensors) for a model; the same file again changes nothing',
    load: () => import('./commands/adapters-add.ts'),
  },
  {
    name: 'adapters list',
    summary: 'List adapters, oldest first',
    load: () => import('./commands/adapters-list.ts'),
  },
  {
    name: 'adapters remove',
    summary: 'Delete an adapter and its file; jobs that wait for it fail, uncharged',
    load: () => import('./commands/adapters-remove.ts'),
  },
  {
    name: 'webhooks add',
    summary: 'Be told of jobs at an address of yours',
    load: () => import('./commands/webhooks-add.ts'),
  },
  {
    name: 'webhooks list',
    summary: 'List webhooks, without their secrets',
    load: () => import('./commands/webhooks-list.ts'),
  },
  {
    name: 'webhooks remove',
    summary: 'Delete a webhook; what is on its way to it is given up',
    load: () => import('./commands/webhooks-remove.ts'),
  },
  {
    name: 'webhooks rotate',
    summary: 'Replace the secret; the old one signs too until the overlap ends',
    load: () => import('./commands/webhooks-rotate.ts'),
  },
  {
    name: 'webhooks deliveries',
    summary: 'List what was sent to a webhook, newest first',
    load: () => import('./commands/webhooks-deliveries.ts'),
  },
  {
    name: 'webhooks replay',
    summary: 'Send a message again, under the same id',
    load: () => import('./commands/webhooks-replay.ts'),
  },
  {
    name: 'webhooks test',
    summary: 'Send a test message; one that gets through enables a disabled webhook',
    load: () => import('./commands/webhooks-test.ts'),
  },
  {
    name: 'plans list',
    summary: 'List plans and their limits',
    load: () => import('./commands/plans-list.ts'),
  },
  {
    name: 'plans set',
    summary: 'Store a plan of your own, whole',
    load: () => import('./commands/plans-set.ts'),
  },
  {
    name: 'plans remove',
    summary: 'Remove a plan that no tenant is on',
    load: () => import('./commands/plans-remove.ts'),
  },
  {
    name: 'aliases list',
    summary: 'List aliases and their versions',
    load: () => import('./commands/aliases-list.ts'),
  },
  {
    name: 'aliases set',
    summary: 'Point an alias at weighted versions of a model',
    load: () => import('./commands/aliases-set.ts'),
  },
  {
    name: 'prompt-policy show',
    summary: "Show a tenant's prompt policy",
    load: () => import('./commands/prompt-policy-show.ts'),
  },
  {
    name: 'prompt-policy set',
    summary: "Change a tenant's prompt policy",
    load: () => import('./commands/prompt-policy-set.ts'),
  },
  { name: 'aliases remove', summary: 'Remove an alias', load: () => import('./commands/aliases-remove.ts') },
  {
    name: 'pools list',
    summary: 'List pools: state, work and workers',
    load: () => import('./commands/pools-list.ts'),
  },
  { name: 'pools show', summary: 'Show a pool', load: () => import('./commands/pools-show.ts') },
  {
    name: 'pools pause',
    summary: 'Accept jobs and start none; batches under way end',
    load: () => import('./commands/pools-pause.ts'),
  },
  { name: 'pools resume', summary: 'End a pause', load: () => import('./commands/pools-resume.ts') },
  {
    name: 'pools drain',
    summary: 'Let batches end and every worker go',
    load: () => import('./commands/pools-drain.ts'),
  },
  {
    name: 'pools prewarm',
    summary: 'Keep workers up for a time, work or not',
    load: () => import('./commands/pools-prewarm.ts'),
  },
  { name: 'fleet', summary: 'List the workers of every pool', load: () => import('./commands/fleet.ts') },
];
