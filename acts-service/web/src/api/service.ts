// The service's calls, typed. Shapes and codes: the contract of the Acts API.
import { checkedDigits } from './lossless-json.ts';
import { request, ServiceError } from './request.ts';

export interface Act {
  readonly actId: string;
  readonly username: string;
  readonly timestamp: string;
  readonly caption: string;
  readonly categoryName: string;
  readonly upvotes: number;
}

export interface Category {
  readonly name: string;
  readonly acts: number;
}

export async function listUsers(): Promise<readonly string[]> {
  return ((await request('GET', '/users')) ?? []) as string[];
}

/** `password` is already the 40 hex digits of its SHA-1. */
export async function addUser(username: string, password: string): Promise<void> {
  await request('POST', '/users', { body: JSON.stringify({ username, password }) });
}

export async function deleteUser(username: string): Promise<void> {
  await deleteOnce(`/users/${encodeURIComponent(username)}`, 'unknown-user');
}

export async function listCategories(): Promise<readonly Category[]> {
  const counts = (await request('GET', '/categories')) ?? {};
  // A number, also of a category that is called "actId": the reader of the JSON makes text of what bears that name.
  return Object.entries(counts as Record<string, number | string>).map(([name, acts]) => ({ name, acts: Number(acts) }));
}

export async function addCategory(name: string): Promise<void> {
  await request('POST', '/categories', { body: JSON.stringify([name]) });
}

export async function deleteCategory(name: string): Promise<void> {
  await deleteOnce(categoryPath(name), 'unknown-category');
}

export async function countActs(category: string): Promise<number> {
  const size = (await request('GET', `${categoryPath(category)}/acts/size`)) as [number] | undefined;
  return size?.[0] ?? 0;
}

export interface ListedAct extends Act {
  /** The thumbnail, WebP in base64, where it was asked for; empty where there is none. */
  readonly imgB64?: string;
}

/** Undefined when the category has become shorter than that. */
export async function listActs(
  category: string,
  start: number,
  end: number,
  images: 'none' | 'thumbnails',
): Promise<readonly ListedAct[] | undefined> {
  try {
    const query = `start=${start}&end=${end}&images=${images}`;
    return ((await request('GET', `${categoryPath(category)}/acts?${query}`)) ?? []) as ListedAct[];
  } catch (error) {
    if (error instanceof ServiceError && error.code === 'bad-range') return undefined;
    throw error;
  }
}

export async function upvote(actId: string): Promise<void> {
  await request('POST', '/acts/upvote', { body: `[${checkedDigits(actId)}]` });
}

export async function deleteAct(actId: string): Promise<void> {
  await deleteOnce(`/acts/${checkedDigits(actId)}`, 'unknown-act');
}

export function imageUrl(actId: string): string {
  return `/api/v1/acts/${actId}/image`;
}

export function thumbnailUrl(actId: string): string {
  return `/api/v1/acts/${actId}/thumbnail`;
}

/** May be sent again without an answer: the thing is gone either way, which is what was wanted. */
async function deleteOnce(path: string, goneCode: string): Promise<void> {
  try {
    await request('DELETE', path, { isRepeatable: true });
  } catch (error) {
    if (!(error instanceof ServiceError && error.code === goneCode)) throw error;
  }
}

function categoryPath(name: string): string {
  return `/categories/${encodeURIComponent(name)}`;
}
