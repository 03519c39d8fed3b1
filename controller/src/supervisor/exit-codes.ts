/** EX_CONFIG of sysexits.h: a process that says so cannot run as it is configured (lock held, port taken) and is not started again. */
export const EXIT_FATAL = 78;
