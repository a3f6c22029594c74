import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';
import { configFault, configName } from '../deployment-config.ts';

export const command = defineCommand({
  name: 'doctor',
  summary: 'See whether an AWS account can take the deployment, and say what to do',
  takes: [],
  canDoWithout: true,
  options: {
    config: { type: 'string', value: 'FILE', help: `Config of the deployment (${configName})` },
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
      configFile: config ?? configName,
      cwd: session.cwd,
      nowMs: session.nowMs,
    }).catch((error: unknown) => {
      throw configFault(error) ?? error;
    });
    const answer = doctorAnswer(findings);
    if (session.json) session.printJson(answer);
    else session.print(doctorText(findings));
    return answer.healthy ? exitCodes.ok : exitCodes.jobEnded;
  },
});
