// What stands before the application: it listens before the application exists, and turns everything into 500 after `_crash`.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { limits } from './limits.ts';
import { Problem, problemText, problemType, unavailable } from './problem.ts';
import { requestId } from './request-id.ts';
import { encodeRawCharacters } from './request-target.ts';

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => unknown;

export class RequestGate {
  #application: RequestHandler | undefined;
  #isCrashed = false;
  #isStopping = false;

  get isStopping(): boolean {
    return this.#isStopping;
  }

  get isCrashed(): boolean {
    return this.#isCrashed;
  }

  open(application: RequestHandler): void {
    this.#application = application;
  }

  /** Throws when it is crashed already: a request that was let in before. */
  crash(): void {
    if (this.#isCrashed) throw crashed();
    this.#isCrashed = true;
  }

  stop(): void {
    this.#isStopping = true;
  }

  readonly handle: RequestHandler = (request, response) => {
    response.setHeader('X-Request-Id', requestId(request.headers['x-request-id']));
    // Tells keep-alive clients to take their next request elsewhere; otherwise a shutdown waits for them.
    if (this.#isStopping) response.shouldKeepAlive = false;
    if (this.#isCrashed) {
      answer(response, crashed());
    } else if (this.#application === undefined) {
      answer(response, whileStarting(request.url ?? ''));
    } else {
      request.url = encodeRawCharacters(request.url ?? '/');
      this.#application(request, response);
    }
  };
}

function crashed(): Problem {
  return new Problem(500, 'crashed', 'this process was crashed on purpose');
}

function whileStarting(target: string): Problem {
  const isHealth = /^\/api\/v1\/_health\/?(?:\?|$)/.test(target);
  if (isHealth) return new Problem(500, 'starting', 'this process is still starting');
  return unavailable('starting', 'this process is still starting', limits.retryAfterSeconds);
}

function answer(response: ServerResponse, problem: Problem): void {
  const text = problemText(problem);
  response.writeHead(problem.status, { ...problem.headers, 'Content-Type': problemType, 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}
