// Headers that keep browsers from being turned against us. The same for every answer of a kind, so they are worked out once, not per request.

/**
 * For what the API answers: data, never a document to run. `allowsOtherOrigins`: pages elsewhere may show the pictures in <img>, which
 * CORS does not rule over.
 */
export function apiSecurityHeaders(allowsOtherOrigins: boolean): Readonly<Record<string, string>> {
  return {
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
    'Cross-Origin-Resource-Policy': allowsOtherOrigins ? 'cross-origin' : 'same-origin',
    'Referrer-Policy': 'no-referrer',
  };
}
