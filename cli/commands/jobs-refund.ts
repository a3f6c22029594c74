import { exitCodes, usageError } from '../cli-error.ts';
import { defineCommand } from '../command.ts';
import { refundDetails } from '../operations-view.ts';

export const command = defineCommand({
  name: 'jobs refund',
  summary: 'Give back what a job was charged, once',
  takes: ['ID'],
  access: 'admin',
  options: {
    tenant: { type: 'string', value: 'ID', help: 'Whose job it is' },
    usd: { type: 'string', value: 'USD', help: 'How much to give back, such as 0.01 (the whole charge)' },
    reason: { type: 'string', value: 'TEXT', help: 'Why; it stands in the ledger' },
  },
  examples: [
    'pilotlight jobs refund job_01hzy3v6q8k2m4n6p8r0s2t4v6 --tenant companyA --reason "a blurred face"',
    'pilotlight jobs refund job_01hzy3v6q8k2m4n6p8r0s2t4v6 --tenant companyA --usd 0.01 --reason late',
  ],
  async run(session, { tenant, usd, reason }, [job = '']) {
    if (tenant === undefined) throw usageError('--tenant is missing');
    if (reason === undefined) throw usageError('--reason is missing');
    const { body, json } = await session.client.call('adminRefundJob', {
      params: { id: tenant, job },
      body: { usd_micros: usd === undefined ? undefined : usdMicrosOf(usd), reason },
    });
    if (session.json) session.printJson(json);
    else session.print(refundDetails(body));
    return exitCodes.ok;
  },
});

/** Digit by digit: 0.29 as a number is not 290,000 millionths. */
export function usdMicrosOf(text: string): number {
  const [, whole = '', fraction = ''] = /^(\d{1,9})(?:\.(\d{1,6}))?$/.exec(text) ?? [];
  if (whole === '') throw usageError(`--usd takes USD with at most six decimals, not "${text}"`);
  return Number(whole) * 1_000_000 + Number(fraction.padEnd(6, '0'));
}
