// Uploads an act with progress. XMLHttpRequest: fetch tells nothing about the way up.
import { stringifyWithActId } from './lossless-json.ts';
import { noAnswer, pause, problemOf, ServiceError } from './request.ts';
import { imageUrl } from './service.ts';

export interface NewAct {
  readonly username: string;
  readonly timestamp: string;
  readonly caption: string;
  readonly categoryName: string;
  readonly picture: Blob;
}

const attempts = 5;
const timeoutMs = 120_000;

/** The new act's id. `onProgress` gets 0 to 1. */
export async function uploadAct({ picture, ...fields }: NewAct, onProgress: (share: number) => void): Promise<string> {
  const imgB64 = await base64(picture);
  let actId = newActId();
  let hasGoneUnanswered = false;
  for (let attempt = 1; ; attempt++) {
    try {
      await send(stringifyWithActId(actId, { ...fields, imgB64 }), onProgress);
      return actId;
    } catch (error) {
      if (!(error instanceof ServiceError) || attempt === attempts || !navigator.onLine) throw error;
      if (error.code === 'act-exists') {
        // An earlier attempt may have been stored although its answer was lost.
        if (hasGoneUnanswered && (await isStored(actId, picture))) return actId;
        actId = newActId();
        hasGoneUnanswered = false;
      } else if (error.status === 0 || error.status === 502 || error.status === 504) hasGoneUnanswered = true;
      else if (error.status !== 503) throw error;
    }
    await pause(attempt);
  }
}

/** The moment in milliseconds, and three digits against another phone's same moment. */
function newActId(): string {
  return `${Date.now()}${String(Math.floor(Math.random() * 1000)).padStart(3, '0')}`;
}

function send(body: string, onProgress: (share: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const upload = new XMLHttpRequest();
    upload.open('POST', '/api/v1/acts');
    upload.setRequestHeader('Content-Type', 'application/json');
    upload.timeout = timeoutMs;
    upload.upload.onprogress = ({ loaded, total }) => onProgress(total === 0 ? 0 : loaded / total);
    upload.onload = () => {
      if (upload.status === 201) resolve();
      else reject(problemOf(upload.status, upload.responseText));
    };
    upload.onerror = upload.ontimeout = upload.onabort = () => reject(noAnswer());
    upload.send(body);
  });
}

async function isStored(actId: string, picture: Blob): Promise<boolean> {
  try {
    const response = await fetch(imageUrl(actId));
    if (!response.ok) return false;
    const [stored, sent] = [new Uint8Array(await response.arrayBuffer()), new Uint8Array(await picture.arrayBuffer())];
    return stored.length === sent.length && stored.every((byte, index) => byte === sent[index]);
  } catch {
    return false;
  }
}

/** In pieces: a function takes only so many arguments. */
async function base64(blob: Blob): Promise<string> {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const pieces: string[] = [];
  for (let start = 0; start < bytes.length; start += 8192) pieces.push(String.fromCharCode(...bytes.subarray(start, start + 8192)));
  return btoa(pieces.join(''));
}
