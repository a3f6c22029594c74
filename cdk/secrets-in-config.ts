/**
 * A config file is committed and shown in reviews: what is secret does not belong there. The platform makes its own
 * secrets and keeps them in SSM; nothing in a config is one, so whatever looks like one is a slip.
 */
import type { ErrorDetail } from '#core/errors.ts';

/** Forms after the providers' own documents and gitleaks' rules of the same names. */
const forms: readonly (readonly [name: string, form: RegExp])[] = [
  ['a key of this platform', /plk_[0-9a-z]{8}_[0-9A-Za-z]{43}/],
  ['an AWS access key', /\b(?:AKIA|ASIA)[A-Z2-7]{16}\b/],
  ['an AWS secret key', /^[A-Za-z0-9/+]{40}$/],
  ['a private key', /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/],
  ['a token of a forge', /\b(?:gh[pousr]|npm|hf)_[A-Za-z0-9]{30,}\b/],
  ['a token', /^eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/],
  ['random digits', /^[0-9a-f]{32,}$/i],
  ['an address with a password', /^[a-z]+:\/\/[^/@\s]*:[^/@\s]+@/],
];

const names = /(secret|password|passphrase|pepper|token|credential|private_?key|access_?key|api_?key)/i;

/** Never quotes what it found. */
export function secretFaults(input: unknown, path: readonly string[] = []): ErrorDetail[] {
  if (typeof input === 'string') {
    const found = forms.find(([, form]) => form.test(input));
    return found === undefined ? [] : [fault(path, `holds what looks like ${found[0]}`)];
  }
  if (typeof input !== 'object' || input === null) return [];
  return Object.entries(input).flatMap(([name, value]) => {
    const at = [...path, name];
    if (names.test(name) && typeof value === 'string') return [fault(at, 'is named like a secret')];
    return secretFaults(value, at);
  });
}

function fault(path: readonly string[], what: string): ErrorDetail {
  const message = `${what}: secrets do not belong in a config; the deployment makes its own and keeps them in SSM`;
  return { path: path.join('.'), message };
}
