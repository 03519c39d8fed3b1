/**
 * One client request from routing to its last byte: which endpoint is asked, when another one is, when the request waits and what the client is
 * told when nothing helps. The rules are those of "Probes and healing" in docs/ARCHITECTURE.md:
 *   not connected                   -> next endpoint, any method (nothing was sent)
 *   cut on a reused connection      -> GET/HEAD: the same endpoint on a new connection
 *   500/502/503/504, or cut         -> GET/HEAD: ask the control plane; unhealthy = next endpoint, healthy = the answer stands
 *   no endpoint left                -> wait for one, or 503
 */
import type { ResponseHead } from './response-reader.ts';
import { ResponseError } from './response-reader.ts';
import { Attempt, type AttemptOwner, type ClientRequest } from './attempt.ts';
import type { DataPlane } from './data-plane.ts';
import type { HeldRequest, Holdable } from './hold-queue.ts';
import { UNSAFE_REUSE_MS } from './limits.ts';
import type { Verdict } from './probe-desk.ts';
import { type Problem, sendProblem } from './problem.ts';
import { refusal, requestTarget } from './request-head.ts';
import type { Member } from './rotation.ts';
import { isCounted } from './route-match.ts';

/** Requests that arrived before the first table wait here until they can be routed. */
const UNROUTED = '';

export class Exchange implements AttemptOwner, Holdable {
  readonly #plane: DataPlane;
  readonly #client: ClientRequest;
  /** GET and HEAD may be repeated. */
  readonly #isSafe: boolean;
  #serviceKey = UNROUTED;
  #attempt: Attempt | undefined;
  /** The first bad answer, kept while other endpoints are asked without the control plane's advice. */
  #original: Attempt | undefined;
  #tried: Set<string> | undefined;
  #failedSends = 0;
  #hadStaleRetry = false;
  #hadHealthyRetry = false;
  #wasOnlyRefused = true;
  #held: HeldRequest | undefined;
  #holdUntilMs: number | undefined;
  #isOver = false;
  /** Where the data plane keeps it among the watched ones; -1 = not watched. */
  watchIndex = -1;

  constructor(plane: DataPlane, client: ClientRequest) {
    this.#plane = plane;
    this.#client = client;
    const { method } = client.request;
    this.#isSafe = method === 'GET' || method === 'HEAD';
  }

  start(): void {
    const { request, response, upgrade } = this.#client;
    response.on('close', () => this.#end());
    const refused = refusal(request, upgrade !== undefined);
    if (refused !== undefined) this.#fail({ status: refused.status, detail: refused.reason });
    else this.#route();
  }

  onRelease(): void {
    this.#held = undefined;
    this.#tried = undefined;
    this.#wasOnlyRefused = true;
    if (this.#serviceKey === UNROUTED) this.#route();
    else this.#next();
  }

  onHoldExpired(): void {
    this.#held = undefined;
    this.#unavailable('no endpoint became ready in time');
  }

  onUnreachable(error: Error): void {
    const { endpoint } = this.#leave();
    // A hint: nothing waits for the verdict.
    if (endpoint.isRouted && !endpoint.isUnhealthy) this.#plane.probes.ask(endpoint.id, `connect: ${error.message}`, () => undefined);
    this.#plane.stats.retriedTotal++;
    this.#next();
  }

  onAnswer({ status }: ResponseHead): void {
    const attempt = this.#attempt;
    if (attempt === undefined) return;
    this.#plane.unwatch(this);
    const isBad = status === 500 || (status >= 502 && status <= 504);
    if (!isBad || !this.#mayRepeat(attempt)) this.#relay(attempt);
    else this.#ask(attempt, `HTTP ${status}`, (verdict) => this.#judgeAnswer(attempt, verdict));
  }

  onCut(error: Error | undefined): void {
    const attempt = this.#attempt;
    if (attempt === undefined) return;
    this.#plane.unwatch(this);
    this.#wasOnlyRefused = false;
    this.#failedSends++;
    if (error instanceof ResponseError)
      this.#badGateway(`endpoint ${attempt.member.endpoint.podName} sent no valid HTTP: ${error.message}`);
    else if (!this.#mayRepeat(attempt))
      this.#badGateway(`endpoint ${attempt.member.endpoint.podName} closed the connection without an answer`);
    else if (attempt.isStale && !this.#hadStaleRetry) {
      this.#hadStaleRetry = true;
      this.#send(attempt.member, true);
    } else this.#ask(attempt, error === undefined ? 'connection closed' : `cut: ${error.message}`, (verdict) => this.#judgeCut(verdict));
  }

  onSwitched(): void {
    this.#plane.unwatch(this);
    this.#drop(this.#original);
    this.#original = undefined;
  }

  onSwitchedClosed(): void {
    this.#end();
  }

  /** Called about once a second while an endpoint owes the answer. */
  onTick(nowMs: number): void {
    const attempt = this.#attempt;
    if (attempt?.isWaiting !== true) return;
    const { endpoint } = attempt.member;
    if (nowMs - attempt.lastActivityMs < this.#plane.limits.responseTimeoutMs) {
      if (!endpoint.isRouted && this.#mayRepeat(attempt)) this.#askWhetherGone(attempt);
    } else if (attempt.isClientStalled) this.#fail({ status: 408, detail: 'the request body stopped coming' });
    else this.#fail({ status: 504, detail: `endpoint ${endpoint.podName} did not answer in time` });
  }

  /** It left the table and owes an answer: it drains, or its container ended without its end of the connection being told (its network went first). */
  #askWhetherGone(attempt: Attempt): void {
    this.#plane.probes.ask(attempt.member.endpoint.id, 'it left the table and owes an answer', (verdict) => {
      if (verdict !== false || this.#isOver || this.#attempt !== attempt || !attempt.isWaiting) return;
      this.#wasOnlyRefused = false;
      this.#failedSends++;
      this.#judgeCut(false);
    });
  }

  #route(): void {
    if (!this.#plane.hasTable) {
      this.#hold(false);
      return;
    }
    const { request } = this.#client;
    const target = requestTarget(request.url ?? '/', request.headers.host);
    const compiled = this.#plane.match(target);
    if (compiled === undefined) {
      this.#fail({ status: 404, detail: `no Ingress rule for host "${target.host}" and path "${target.path}"` });
      return;
    }
    this.#serviceKey = compiled.route.serviceKey;
    if (isCounted(compiled.route, target.path)) this.#plane.count(compiled.counterKey);
    this.#next();
  }

  /** The next endpoint in the cycle that this request has not tried. */
  #next(): void {
    const rotation = this.#plane.rotation(this.#serviceKey);
    if (this.#failedSends >= this.#plane.limits.sendLimit) {
      this.#badGateway(`${this.#failedSends} attempts failed`);
      return;
    }
    const member = rotation?.pick(this.#tried);
    if (member !== undefined) this.#send(member, false);
    else if (this.#original !== undefined) this.#relay(this.#original);
    else if (rotation?.mayHold === true) this.#hold(this.#wasOnlyRefused && this.#tried !== undefined);
    else this.#unavailable(rotation === undefined ? 'the Service does not exist' : 'the Service has no ready endpoint');
  }

  #send(member: Member, isNewConnection: boolean): void {
    const { limits } = this.#plane;
    const attempt = new Attempt(this.#client, member, this, performance.now());
    this.#attempt = attempt;
    this.#plane.watch(this);
    attempt.start(isNewConnection ? 0 : this.#isSafe ? Infinity : UNSAFE_REUSE_MS, limits.connectTimeoutMs);
  }

  #mayRepeat(attempt: Attempt): boolean {
    return this.#isSafe && !attempt.isBodyTouched;
  }

  #ask(attempt: Attempt, reason: string, onVerdict: (verdict: Verdict) => void): void {
    const { endpoint } = attempt.member;
    const ifCurrent = (verdict: Verdict): void => {
      // One that has left the table since is not well, whatever its probe said.
      if (!this.#isOver && this.#attempt === attempt) onVerdict(verdict === true && !endpoint.isRouted ? false : verdict);
    };
    // What left the table does so because it does not serve (or soon will not): its failure is nobody's answer while another one may come.
    if (endpoint.isUnhealthy || !endpoint.isRouted) setImmediate(ifCurrent, false);
    else this.#plane.probes.ask(endpoint.id, reason, ifCurrent);
  }

  #judgeAnswer(attempt: Attempt, verdict: Verdict): void {
    if (verdict === true) {
      // It was unavailable and is well by now (what it needs came back meanwhile): worth one more request.
      if (attempt.status === 503 && !this.#hadHealthyRetry) {
        this.#plane.stats.retriedTotal++;
        this.#askHealthyOnceMore(this.#leave());
      } else this.#relay(attempt);
      return;
    }
    this.#wasOnlyRefused = false;
    this.#failedSends++;
    if (verdict === undefined && this.#original === undefined) {
      this.#original = attempt;
      this.#attempt = undefined;
      this.#exclude(attempt.member);
    } else this.#leave();
    this.#plane.stats.retriedTotal++;
    this.#next();
  }

  #judgeCut(verdict: Verdict): void {
    const member = this.#leave();
    this.#plane.stats.retriedTotal++;
    if (verdict !== true) {
      this.#next();
      return;
    }
    // A healthy endpoint cut the connection: perhaps because of this very request, so it gets one more chance, not one per endpoint.
    if (this.#hadHealthyRetry) {
      this.#badGateway(`endpoint ${member.endpoint.podName} closed the connection without an answer`);
      return;
    }
    this.#askHealthyOnceMore(member);
  }

  #askHealthyOnceMore(member: Member): void {
    this.#hadHealthyRetry = true;
    const other = this.#plane.rotation(this.#serviceKey)?.pick(this.#tried);
    if (other === undefined) member.endpoint.take();
    this.#send(other ?? member, true);
  }

  #relay(attempt: Attempt): void {
    if (attempt !== this.#original) {
      this.#drop(this.#original);
      this.#original = undefined;
    }
    try {
      attempt.relay(!this.#plane.isClosing);
    } catch (error) {
      this.#badGateway(`endpoint ${attempt.member.endpoint.podName} sent an invalid header: ${(error as Error).message}`);
    }
  }

  #hold(isRechecked: boolean): void {
    const { holds, limits, stats } = this.#plane;
    const nowMs = performance.now();
    if (this.#holdUntilMs === undefined) {
      this.#holdUntilMs = nowMs + limits.holdTimeoutMs;
      stats.heldTotal++;
    }
    this.#held = holds.add(this.#serviceKey, this, Math.max(0, this.#holdUntilMs - nowMs), isRechecked);
    if (this.#held === undefined) this.#unavailable('too many requests are waiting for an endpoint');
  }

  #unavailable(detail: string): void {
    this.#fail({ status: 503, detail, retryAfterSeconds: 1 });
  }

  #badGateway(detail: string): void {
    this.#fail({ status: 502, detail });
  }

  #fail(problem: Problem): void {
    const { response } = this.#client;
    this.#drop(this.#attempt);
    this.#drop(this.#original);
    this.#attempt = this.#original = undefined;
    this.#plane.stats.failedTotal++;
    this.#plane.logFailure(problem, this.#serviceKey);
    if (response.headersSent) response.destroy();
    else sendProblem(response, this.#serviceKey === UNROUTED ? problem : { ...problem, service: this.#serviceKey });
  }

  /** The current attempt led nowhere: its endpoint is free of this request and not asked again before the table changes. */
  #leave(): Member {
    const attempt = this.#attempt;
    if (attempt === undefined) throw new Error('an exchange between attempts has none to leave');
    this.#attempt = undefined;
    this.#hadStaleRetry = false;
    this.#exclude(attempt.member);
    this.#drop(attempt);
    return attempt.member;
  }

  #exclude(member: Member): void {
    this.#tried ??= new Set();
    this.#tried.add(member.endpoint.id);
  }

  #drop(attempt: Attempt | undefined): void {
    if (attempt === undefined) return;
    this.#plane.unwatch(this);
    attempt.discard();
    this.#plane.release(attempt.member.endpoint);
  }

  /** The response is with the client, or the client is gone. */
  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#held !== undefined) this.#plane.holds.remove(this.#held);
    this.#drop(this.#attempt);
    this.#drop(this.#original);
    this.#attempt = this.#original = undefined;
    this.#plane.onExchangeEnd();
  }
}
