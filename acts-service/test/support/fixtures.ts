// What the tests upload.
import { call, type Answer } from './client.ts';

export const password = '3d725109c7e7c0bfb9d709836735b56d943d263f';

export interface ActFields {
  actId: number | string;
  username: string;
  timestamp: string;
  caption: string;
  categoryName: string;
  imgB64: string;
}

export function actFields(overrides: Partial<ActFields> = {}): ActFields {
  return {
    actId: 1,
    username: 'alice',
    timestamp: '01-01-2019:00-00-00',
    caption: 'planted a tree',
    categoryName: 'trees',
    imgB64: 'aGVsbG8=',
    ...overrides,
  };
}

/** As JSON text: an actId given as text is written as a number, digit for digit. */
export function actBody(overrides: Partial<ActFields> = {}): string {
  const { actId, ...rest } = actFields(overrides);
  return `{"actId":${actId},${JSON.stringify(rest).slice(1)}`;
}

export function upload(url: string, overrides: Partial<ActFields> = {}): Promise<Answer> {
  return call(url, 'POST', '/api/v1/acts', { body: actBody(overrides) });
}

export function addUser(url: string, username: string): Promise<Answer> {
  return call(url, 'POST', '/api/v1/users', { json: { username, password } });
}

export function addCategory(url: string, name: string): Promise<Answer> {
  return call(url, 'POST', '/api/v1/categories', { json: [name] });
}
