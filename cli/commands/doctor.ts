import { CliError, exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'doctor',
  summary: 'See whether an AWS account can take the deployment, and say what to do',
  takes: [],
  canDoWithout: true,
  options: {
    config: { type: 'string', value: 'FILE', help: 'Config of the deployment (pilotlight.config.ts)' },
  },
  examples: [
    'pilotlight doctor',
    'pilotlight doctor --config cdk/examples/agency.ts',
    'pilotlight doctor --json',
  ],
  async run(session, { config }) {
    // The one command that asks AWS: its SDK is loaded for nobody else.
    const [{ diagnose }, { doctorAnswer, doctorText }] = await Promise.all([
      import('#doctor/diagnose.ts'),
      import('../doctor-view.ts'),
    ]);
    const findings = await diagnose({
      configFile: config ?? 'pilotlight.config.ts',
      cwd: session.cwd,
      nowMs: session.nowMs,
    }).catch((error: unknown) => {
      const isConfig = error instanceof Error && 'code' in error && error.code === 'invalid_config';
      if (!isConfig) throw error;
      throw new CliError(error.message, { exitCode: exitCodes.usage, code: 'invalid_config', cause: error });
    });
    const answer = doctorAnswer(findings);
    if (session.json) session.printJson(answer);
    else session.print(doctorText(findings));
    return answer.healthy ? exitCodes.ok : exitCodes.jobEnded;
  },
});
