import { Invariants } from './invariants.ts';
import { Simulation, simulate } from './simulation.ts';
const [seed, id] = [Number(process.argv[2]), process.argv[3]!];
let sim: Simulation | undefined;
let said = false;
const run = Simulation.prototype.run;
Simulation.prototype.run = function () {
  sim = this;
  return run.call(this);
};
const on = Invariants.prototype.onProbe;
Invariants.prototype.onProbe = function (c, p) {
  if (c.id.startsWith(id)) {
    if (!said) {
      said = true;
      console.log(c.spec.image, JSON.stringify(c.program));
      for (const a of sim!.workload.apps)
        if (c.spec.name.startsWith(a.name)) {
          const { template, ...rest } = a.deployment.spec;
          console.log(JSON.stringify(rest), JSON.stringify(template.metadata?.annotations), JSON.stringify(template.spec));
        }
    }
    console.log(sim!.clock.elapsedMs, 'probe', p);
  }
  on.call(this, c, p);
};
await simulate(seed, {
  onLine: (l) => {
    if (/VIOLATION/.test(l)) console.log(l);
  },
});
