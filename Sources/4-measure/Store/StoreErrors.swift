import GRDB
import Input
import Machine

/// Runs `body` on the store at `path`; what SQLite reports becomes one line for people.
func withStoreErrors<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
  do {
    return try body()
  } catch let error as DatabaseError {
    throw readable(error, path)
  }
}

/// Bad files are the user's (exit code 2), bad disks the machine's (70).
private func readable(_ error: DatabaseError, _ path: String) -> any Error {
  let message = error.message ?? "SQLite error \(error.extendedResultCode.rawValue)"
  switch error.resultCode {
  case .SQLITE_NOTADB:
    return InputError(path, problem: "is not a store", expected: ResultStore.kind)
  case .SQLITE_CORRUPT:
    return ResultStore.damaged(path, message)
  case .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_AUTH:
    return InputError(path, problem: "cannot be opened", expected: "a file in a writable folder")
  case .SQLITE_READONLY:
    return InputError(path, problem: "cannot be written", expected: "a writable file")
  case .SQLITE_FULL:
    return HostError("\(path): the disk is full; what was stored before is intact")
  case .SQLITE_IOERR:
    return HostError(
      "\(path): \(message): the disk is full or fails; what was stored before is intact")
  case .SQLITE_NOMEM, .SQLITE_TOOBIG:
    // So SQLite answers a damaged page whose row claims gigabytes.
    return InputError(
      path, problem: "has rows that claim more than memory holds",
      expected: ResultStore.wholeStore)
  case .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_PROTOCOL:
    return HostError("\(path): another program has kept it locked")
  case .SQLITE_ERROR, .SQLITE_CONSTRAINT, .SQLITE_MISMATCH:
    return InputError(
      path, problem: "is not a sound store (\(message))", expected: ResultStore.kind)
  default:
    return HostError("\(path): \(message)")
  }
}
