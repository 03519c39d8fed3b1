// The web app's security headers, as helmet writes them. Run once: it costs two microseconds a request and always says the same.
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import helmet from 'helmet';

const headers = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      // blob: and data: are pictures chosen or taken, shown before they are sent.
      imgSrc: ["'self'", 'blob:', 'data:'],
      connectSrc: ["'self'"],
      manifestSrc: ["'self'"],
      workerSrc: ["'self'"],
      baseUri: ["'none'"],
      formAction: ["'self'"],
      frameAncestors: ["'none'"],
    },
  },
  // The app works over plain http too, where browsers only complain about these three.
  strictTransportSecurity: false,
  crossOriginOpenerPolicy: false,
  originAgentCluster: false,
  xFrameOptions: { action: 'deny' },
  xDownloadOptions: false,
});

/** helmet has no Permissions-Policy. Taking a picture through <input capture> needs none; the rest of the device is nobody's business. */
const permissionsPolicy = 'camera=(self), microphone=(), geolocation=(), payment=(), usb=()';

export function webSecurityHeaders(): Readonly<Record<string, string>> {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  headers(response.req, response, (error) => {
    if (error !== undefined) throw error as Error;
  });
  const made = Object.fromEntries(response.getHeaderNames().map((name) => [name, String(response.getHeader(name))]));
  return { ...made, 'permissions-policy': permissionsPolicy };
}
