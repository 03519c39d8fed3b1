/** Errors of the API as Kubernetes says them: metav1.Status, whose `reason` and `code` clients decide by. */
import type { KindDescription } from '../model/objects.ts';
import { StoreError } from '../state/store-error.ts';
import type { StoreErrorCode } from '../state/store-error.ts';
import { ControlPlaneError } from './control-plane-port.ts';
import type { ControlPlaneErrorCode } from './control-plane-port.ts';

export type StatusReason =
  | 'BadRequest'
  | 'Forbidden'
  | 'NotFound'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Expired'
  | 'Invalid'
  | 'MethodNotAllowed'
  | 'UnsupportedMediaType'
  | 'RequestEntityTooLarge'
  | 'ServiceUnavailable'
  | 'InternalError'
  | 'InsufficientStorage';

const CODE: Readonly<Record<StatusReason, number>> = {
  BadRequest: 400,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  AlreadyExists: 409,
  Conflict: 409,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  InternalError: 500,
  ServiceUnavailable: 503,
  InsufficientStorage: 507,
};

const REASON_OF_STORE: Readonly<Record<StoreErrorCode, StatusReason>> = {
  NotFound: 'NotFound',
  AlreadyExists: 'AlreadyExists',
  Conflict: 'Conflict',
  Expired: 'Expired',
  DiskFull: 'InsufficientStorage',
  WriteFailed: 'InternalError',
  UnsupportedVersion: 'InternalError',
  Closed: 'ServiceUnavailable',
};

const REASON_OF_CONTROL_PLANE: Readonly<Record<ControlPlaneErrorCode, StatusReason>> = {
  NotFound: 'NotFound',
  BadRequest: 'BadRequest',
  Conflict: 'Conflict',
  Unavailable: 'ServiceUnavailable',
};

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly { readonly reason: string; readonly message: string; readonly field: string }[];
}

/** metav1.Status */
export interface StatusBody {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: Readonly<Record<string, never>>;
  readonly status: 'Success' | 'Failure';
  readonly message?: string;
  readonly reason?: StatusReason;
  readonly details?: StatusDetails;
  readonly code: number;
}

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly reason: StatusReason;
  readonly details: StatusDetails | undefined;

  constructor(reason: StatusReason, message: string, details?: StatusDetails) {
    super(message);
    this.reason = reason;
    this.details = details;
  }

  get code(): number {
    return CODE[this.reason];
  }

  toStatus(): StatusBody {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      reason: this.reason,
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    };
  }
}

export function notFound(description: KindDescription, name: string): ApiError {
  const group = groupOf(description);
  const resource = group === '' ? description.plural : `${description.plural}.${group}`;
  return new ApiError('NotFound', `${resource} "${name}" not found`, { name, group, kind: description.plural });
}

export function invalid(description: KindDescription, name: string, problems: readonly string[]): ApiError {
  const group = groupOf(description);
  const causes = problems.map((problem) => {
    const colon = problem.indexOf(': ');
    return {
      reason: 'FieldValueInvalid',
      message: problem.slice(colon < 0 ? 0 : colon + 2),
      field: colon < 0 ? '' : problem.slice(0, colon),
    };
  });
  return new ApiError('Invalid', `${description.kind} "${name}" is invalid: ${problems.join(', ')}`, {
    name,
    group,
    kind: description.kind,
    causes,
  });
}

/** undefined = a defect: to be logged with its stack, and answered without it. */
export function toApiError(error: unknown): ApiError | undefined {
  if (error instanceof ApiError) return error;
  if (error instanceof StoreError) return new ApiError(REASON_OF_STORE[error.code], error.message);
  if (error instanceof ControlPlaneError) return new ApiError(REASON_OF_CONTROL_PLANE[error.code], error.message);
  return undefined;
}

export function groupOf(description: KindDescription): string {
  const slash = description.apiVersion.indexOf('/');
  return slash < 0 ? '' : description.apiVersion.slice(0, slash);
}
