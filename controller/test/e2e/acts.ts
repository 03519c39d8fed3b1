/** The few calls of the Acts API that the scenarios need. */
import { expect } from 'chai';
import type { System } from './system.ts';

let nextActId = Date.now();

/** A user and a category to post into. */
export async function prepare(system: System, category = 'kindness'): Promise<void> {
  expect((await system.http('POST', '/api/v1/users', { username: 'ada', password: 'a'.repeat(40) })).status).to.equal(201);
  expect((await system.http('POST', '/api/v1/categories', [category])).status).to.equal(201);
}

export async function postAct(system: System, imgB64: string, category = 'kindness'): Promise<number> {
  const actId = nextActId++;
  const act = { actId, username: 'ada', timestamp: '10-10-2019:45-23-03', caption: 'carried the bags', categoryName: category, imgB64 };
  const reply = await system.http('POST', '/api/v1/acts', act);
  expect(reply.status, reply.body).to.equal(201);
  return actId;
}
