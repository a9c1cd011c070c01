import Foundation
import Input

/// The one way in which files that the user asks for are written.
///
/// A regular file is replaced at once, or not at all, and keeps its mode; through a symbolic link
/// that is what it points to. What is no regular file (a device, a pipe) and what has several names
/// (hard links) is written in its place.
public enum OutputFile {
  /// - Throws: `InputError` where it cannot be opened, `HostError` where it cannot be written.
  public static func write(_ data: Data, to path: String) throws {
    let target = Self.target(path)
    var status = stat()
    let exists = stat(target, &status) == 0
    let isReplaceable = !exists || status.st_mode & S_IFMT == S_IFREG && status.st_nlink == 1
    if isReplaceable, try replace(target, mode: exists ? status.st_mode : nil, data, path) {
      return
    }
    let isRegular = !exists || status.st_mode & S_IFMT == S_IFREG
    let descriptor = open(
      target, O_WRONLY | O_CLOEXEC | O_NOCTTY | (isRegular ? O_CREAT | O_TRUNC : 0), 0o666)
    guard descriptor >= 0 else { throw refused(path, errno) }
    try fill(descriptor, data, path)
  }

  public static func write(_ text: String, to path: String) throws {
    try write(Data(text.utf8), to: path)
  }

  /// Fails before the work rather than after it; changes nothing.
  public static func check(_ path: String) throws {
    let files = FileManager.default
    let target = Self.target(path)
    var isFolder: ObjCBool = false
    let exists = files.fileExists(atPath: target, isDirectory: &isFolder)
    let place =
      exists ? target : URL(fileURLWithPath: target).deletingLastPathComponent().path
    guard !path.isEmpty, files.isWritableFile(atPath: place), !isFolder.boolValue else {
      throw refused(path, isFolder.boolValue ? EISDIR : nil)
    }
  }

  /// Where symbolic links lead, also to what does not exist yet.
  private static func target(_ path: String) -> String {
    var path = path
    for _ in 0..<40 {
      guard let next = try? FileManager.default.destinationOfSymbolicLink(atPath: path) else {
        break
      }
      path =
        next.hasPrefix("/")
        ? next : URL(fileURLWithPath: path).deletingLastPathComponent().path + "/" + next
    }
    return path
  }

  /// - Parameter mode: of the file that is replaced.
  /// - Returns: `false` where the folder takes no new file.
  private static func replace(
    _ target: String, mode: mode_t?, _ data: Data, _ path: String
  ) throws -> Bool {
    var name = Array((target + ".XXXXXX").utf8CString)
    let descriptor = mkstemp(&name)
    guard descriptor >= 0 else { return false }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    do {
      if let mode {
        fchmod(descriptor, mode & 0o7777)
      } else {
        // As `open` would have made it.
        let mask = umask(0)
        umask(mask)
        fchmod(descriptor, 0o666 & ~mask)
      }
      try fill(descriptor, data, path)
      guard rename(name, target) == 0 else { throw refused(path, errno) }
    } catch {
      unlink(name)
      throw error
    }
    return true
  }

  /// Writes all and closes.
  private static func fill(_ descriptor: Int32, _ data: Data, _ path: String) throws {
    var rest = ArraySlice(Array(data))
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count > 0 {
        rest = rest.dropFirst(count)
      } else if errno != EINTR {
        let reason = errno
        close(descriptor)
        throw HostError("\(path): cannot be written: \(String(cString: strerror(reason)))")
      }
    }
    // Some file systems tell of a full disk only now.
    guard close(descriptor) == 0 else {
      throw HostError("\(path): cannot be written: \(String(cString: strerror(errno)))")
    }
  }

  private static func refused(_ path: String, _ reason: Int32?) -> InputError {
    InputError(
      path.isEmpty ? "\"\"" : path,
      problem: "cannot be written" + (reason.map { " (\(String(cString: strerror($0))))" } ?? ""),
      expected: "a file in a writable folder")
  }
}
