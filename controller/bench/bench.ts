/** `make bench`: the figures the project promises, as ratios to a peer run in the same minute. `make bench ONLY=heal` runs one part. */
import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { benchMany } from './many.bench.ts';
import { benchReconcile } from './reconcile.bench.ts';
import { benchRollout } from './rollout.bench.ts';
import { benchWeb } from './web.bench.ts';
import { benchHeal, benchRest, benchScale, withSystem } from './system.bench.ts';
import type { HealFigure } from './system.bench.ts';

const only = process.argv[2];
const wants = (part: string): boolean => only === undefined || only === '' || only === part;

function commit(): string {
  return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
}

function inSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function tellHeal(figure: HealFigure, allowedMs: number): void {
  const { title, crashes, medianMs, p90Ms, bareMedianMs, gets, failedGets } = figure;
  const over = medianMs - bareMedianMs;
  console.log(
    `heal, ${title} (${crashes} crashes): median ${medianMs.toFixed(0)} ms, p90 ${p90Ms.toFixed(0)} ms; bare Docker ${bareMedianMs.toFixed(0)} ms`,
  );
  console.log(
    `  ratio ${(medianMs / bareMedianMs).toFixed(2)}, over bare ${over.toFixed(0)} ms (must: at most ${allowedMs}); failed GETs ${failedGets} of ${gets}`,
  );
}

console.log(
  `machine: ${cpus().length} x ${cpus()[0]?.model ?? '?'}, ${Math.round(totalmem() / 2 ** 30)} GB; node ${process.version}; commit ${commit()}`,
);
if (wants('reconcile')) {
  for (const { pods, convergedMs, createMs } of benchReconcile()) {
    console.log(
      `reconcile ${pods} pods: converged ${convergedMs.toFixed(0)} ms (${((convergedMs / pods) * 1000).toFixed(1)} us a pod), all to create ${createMs.toFixed(0)} ms (${((createMs / pods) * 1000).toFixed(1)} us a pod)`,
    );
  }
}
if (wants('many')) {
  const { containers, startMs, restCpuMs, crashes, replacedMs, loopLatencyP99Ms, untouchedRestarted } = await benchMany();
  console.log(
    `${containers} containers: all available ${inSeconds(startMs)} after the start; at rest ${restCpuMs.controlPlane.toFixed(0)} ms of CPU a second for one resync and 20 probes (must: at most 100), the engine ${restCpuMs.engine.toFixed(0)} ms`,
  );
  console.log(
    `  ${crashes} crashed at once: all replaced and ready after ${inSeconds(replacedMs)}; loop latency p99 at most ${loopLatencyP99Ms.toFixed(0)} ms (must: under 1000); others restarted: ${untouchedRestarted}`,
  );
}
if (wants('rollout')) {
  const { figures, swarm } = await benchRollout();
  const told =
    typeof swarm === 'string'
      ? `not measured: ${swarm}`
      : `${inSeconds(swarm.ms)}; with --update-monitor 0s, which means 5 s, ${inSeconds(swarm.monitorZeroMs)}, and under the same load ${inSeconds(swarm.loadedMonitorZeroMs)}`;
  console.log(`rollout of 10 replicas; Docker Swarm without load, same image, start-first, 2 at a time: ${told}`);
  for (const { title, ms, sent, failures, p99Ms } of figures) {
    const ratio =
      typeof swarm === 'string'
        ? ''
        : `, ratios ${[swarm.ms, swarm.monitorZeroMs, swarm.loadedMonitorZeroMs].map((peerMs) => (ms / peerMs).toFixed(2)).join(', ')} (must: the second at most 0.5)`;
    console.log(`  ${title}: ${inSeconds(ms)}${ratio}; failed GETs ${failures.length} of ${sent} (must: 0) at 200/s, p99 ${p99Ms} ms`);
    for (const failure of failures.slice(0, 3)) console.log(`    failed GET: ${failure}`);
  }
}
if (wants('heal') || wants('scale') || wants('rest') || wants('web')) {
  await withSystem(async (system) => {
    if (wants('web')) {
      const { scriptAndStyleKb, usableMs, pageMs, pageKb } = await benchWeb(system);
      console.log(`web app, first load, processor 4 x slower, slow 4G: usable after ${(usableMs / 1000).toFixed(2)} s (must: under 2)`);
      console.log(`  script and style ${scriptAndStyleKb.toFixed(1)} kB compressed (must: at most 60)`);
      console.log(
        `  a category's first 20 acts with thumbnails (${pageKb.toFixed(0)} kB): ${(pageMs / 1000).toFixed(2)} s more (must: under 2)`,
      );
    }
    if (wants('heal')) {
      tellHeal(await benchHeal(system, 'one of 3 replicas, no traffic', { replicas: 3, perSecond: 0 }), 600);
      tellHeal(await benchHeal(system, 'one of 3 replicas, 100 GET/s', { replicas: 3, perSecond: 100 }), 200);
      tellHeal(await benchHeal(system, 'the only replica, 100 GET/s', { replicas: 1, perSecond: 100 }), 200);
    }
    if (wants('scale')) {
      const { coxswainMs, bareMs } = await benchScale(system);
      console.log(
        `scale 1 -> 10: ${coxswainMs.toFixed(0)} ms; ten concurrent bare runs ${bareMs.toFixed(0)} ms; ratio ${(coxswainMs / bareMs).toFixed(2)} (must: at most 1.3)`,
      );
    }
    if (wants('rest')) {
      const figures = await benchRest(system);
      for (const { process: name, cpuPercent, pssMb } of figures)
        console.log(`at rest, 10 replicas: ${name} ${cpuPercent.toFixed(2)} % of a core, ${pssMb.toFixed(0)} MB PSS`);
    }
  });
}
