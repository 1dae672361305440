/**
 * Puts other bytes in place of a file, at once or not at all: a reader sees the old ones or the new
 * ones. Mode and owner stay; a symbolic link stays, and what it points to is replaced.
 */
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";

/** @throws the system's error; the file is then as it was. */
export function replaceFile(name: string, bytes: Uint8Array): void {
  const file = realpathSync(name);
  const { mode, uid, gid } = statSync(file);
  const beside = `${file}.${process.pid}.new`;
  const fd = openSync(beside, "wx", 0o600);
  try {
    try {
      writeFileSync(fd, bytes);
      const own = fstatSync(fd);
      if (own.uid !== uid || own.gid !== gid) fchownSync(fd, uid, gid);
      fchmodSync(fd, mode & 0o7777);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(beside, file);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
}
