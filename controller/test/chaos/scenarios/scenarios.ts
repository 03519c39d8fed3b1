/** Every scenario of `make chaos`, in the order of the table. */
import type { ChaosScenario } from '../scenario.ts';
import { CONTAINER_FAULTS } from './container-faults.ts';
import { databaseKilled } from './database-killed.ts';
import { controlPlaneKilled } from './control-plane-killed.ts';
import { ingressKilled, ingressRestarted } from './ingress-killed.ts';
import { killedAtEveryStep } from './killed-at-every-step.ts';
import { manyAdopted } from './many-adopted.ts';
import { everythingKilled, supervisorKilled } from './supervisor-killed.ts';
import { SURROUNDINGS } from './surroundings.ts';

export const SCENARIOS: readonly ChaosScenario[] = [
  controlPlaneKilled,
  killedAtEveryStep,
  ingressKilled,
  ingressRestarted,
  manyAdopted,
  supervisorKilled,
  everythingKilled,
  ...CONTAINER_FAULTS,
  databaseKilled,
  ...SURROUNDINGS,
];
