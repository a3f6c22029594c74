/**
 * Headers of every answer, refusals included. After the OWASP REST Security Cheat Sheet, "Security Headers": no answer
 * but the reference, which brings a policy of its own, is a page, so a browser that is led to one shall neither keep,
 * guess, show in a frame nor run anything of it.
 */
export const securityHeaders = {
  // An answer belongs to one key and one moment.
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  // Ids of jobs are in our paths: the store that an output redirects to is not told them.
  'referrer-policy': 'no-referrer',
  // Browsers heed it over TLS only, so that the laptop's plain HTTP is not affected. A year, as ASVS 3.4.1 asks.
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
} as const;
