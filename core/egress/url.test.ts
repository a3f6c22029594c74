import { describe, expect, it } from 'vitest';
import { egressLimits } from '../limits.ts';
import { checkAddress } from './address.ts';
import type { EgressPolicy } from './policy.ts';
import { publicHttps } from './policy.ts';
import { checkUrl } from './url.ts';

/** A stack on one's own machine, by its operator's word. */
const ownMachine: EgressPolicy = { schemes: ['https', 'http'], ports: 'any', privateAddresses: 'allowed' };

describe('a URL that is let through', () => {
  it('comes back in its normal form, its host in small letters', () => {
    const checked = checkUrl('HTTPS://Hooks.Example.com:443/A?b=%20', publicHttps);

    expect(checked.kind === 'ok' ? checked.url.href : checked).toBe('https://hooks.example.com/A?b=%20');
  });

  it('may be as long as the limit and no longer', () => {
    const longest = 'https://example.com/'.padEnd(egressLimits.urlCharactersMax, 'a');

    expect(checkUrl(longest, publicHttps).kind).toBe('ok');
    expect(checkUrl(`${longest}a`, publicHttps)).toMatchObject({ rule: 'url_too_long' });
  });

  it('may have a host as long as names can be and no longer', () => {
    const longest = `${'a.'.repeat(125)}com`;

    expect(longest.length).toBe(egressLimits.hostCharactersMax);
    expect(checkUrl(`https://${longest}/`, publicHttps).kind).toBe('ok');
    expect(checkUrl(`https://a${longest}/`, publicHttps)).toMatchObject({ rule: 'host_too_long' });
  });
});

describe('a refusal', () => {
  it('names the host it took offence at, and never a password or a path', () => {
    const texts = [
      'https://user:hunter2@example.com/',
      'https://10.0.0.1/hunter2',
      'https://a.local/?hunter2',
    ];

    const details = texts.map((text) => JSON.stringify(checkUrl(text, publicHttps)));

    expect(details.join()).toContain('10.0.0.1, private use (RFC 1918)');
    expect(details.join()).not.toContain('hunter2');
  });
});

describe('where the operator allows private addresses', () => {
  it.each([
    'http://127.0.0.1:9000/hook',
    'http://localhost:9000/hook',
    'http://[::1]:9000/',
    'http://receiver:8080/',
    'http://10.0.0.5/',
    'http://host.docker.internal/',
    'https://[fd12::1]/',
  ])('%s passes', (text) => {
    expect(checkUrl(text, ownMachine).kind).toBe('ok');
  });

  it.each([
    ['http://169.254.169.254/latest/meta-data/', 'address_metadata'],
    ['http://[fd00:ec2::254]/', 'address_metadata'],
    ['http://[::ffff:127.0.0.1]/', 'address_special'],
    ['http://0.0.0.0/', 'address_special'],
    ['http://2130706433/', 'host_number'],
    ['http://localhost./', 'host_trailing_dot'],
    ['http://user@localhost/', 'userinfo'],
    ['ftp://localhost/', 'scheme'],
  ])('%s does not', (text, rule) => {
    expect(checkUrl(text, ownMachine)).toMatchObject({ kind: 'refused', rule });
  });

  it('the same holds of addresses that a name leads to', () => {
    const verdicts = ['127.0.0.1', '::1', 'fd12::1', '169.254.169.254', 'fe80::1', '224.0.0.1'].map(
      (address) => checkAddress(address, ownMachine).kind,
    );

    expect(verdicts).toEqual(['ok', 'ok', 'ok', 'refused', 'refused', 'refused']);
  });
});
