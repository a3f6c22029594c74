/** Follows a job to its end. Ctrl-C leaves the job alone. */
import { isDeepStrictEqual } from 'node:util';
import { defineCommand } from '../command.ts';
import type { SeenJob } from '../follow-job.ts';
import { followJob, readJob } from '../follow-job.ts';
import { exitCodeOf, jobDetails, unknownWordsWarning } from '../job-view.ts';
import type { SaveOptions } from '../output-files.ts';
import { checkPathsAreFree, saveOutputs } from '../output-files.ts';
import type { Session } from '../session.ts';

export const command = defineCommand({
  name: 'jobs watch',
  summary: 'Follow a job until it ends',
  takes: ['ID'],
  options: {
    output: { type: 'string', short: 'o', value: 'FILE', help: 'Save its results (several: FILE-0, FILE-1)' },
    force: { type: 'boolean', help: 'Overwrite files' },
  },
  examples: [
    'pilotlight jobs watch job_01hzy3v6q8k2m4n6p8r0s2t4v6',
    'pilotlight jobs watch job_01hzy3v6q8k2m4n6p8r0s2t4v6 -o out.png',
  ],
  async run(session, values, [id = '']) {
    const saving = { path: values.output, overwrite: values.force };
    const first = await readJob(session, id);
    checkPathsAreFree(session.cwd, saving, first.job.output.length);
    const { job } = await (session.json ? streamChanges(session, first) : showProgress(session, first));

    if (!session.json) session.print(jobDetails(job, session.nowMs()));
    const warning = unknownWordsWarning(job);
    if (warning !== null) session.note(warning);
    await save(session, job, saving);
    return exitCodeOf(job);
  },
});

/** One line per change. */
function streamChanges(session: Session, first: SeenJob): Promise<SeenJob> {
  let last: unknown;
  return followJob(session, first, ({ json }) => {
    if (!isDeepStrictEqual(json, last)) session.printJson(json, { oneLine: true });
    last = json;
  });
}

async function showProgress(session: Session, first: SeenJob): Promise<SeenJob> {
  const progress = session.startProgress();
  try {
    return await followJob(session, first, ({ job }) => progress.update(job));
  } finally {
    progress.end();
  }
}

async function save(session: Session, job: SeenJob['job'], saving: SaveOptions): Promise<void> {
  if (saving.path === undefined || job.status !== 'succeeded') return;
  for (const { path } of await saveOutputs(session, job, saving)) session.note(`saved ${path}`);
}
