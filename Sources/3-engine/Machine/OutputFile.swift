import Foundation
import Input

/// The one way in which files that the user asks for are written.
///
/// A regular file is replaced at once, or not at all, and keeps its mode; through a symbolic link
/// that is what it points to. What is no regular file (a device, a pipe), what has several names
/// (hard links) and what this process has open (`/dev/stdout`, `>(…)`) is written in its place.
public enum OutputFile {
  /// - Throws: `InputError` where it cannot be opened, `HostError` where it cannot be written.
  public static func write(_ data: Data, to path: String) throws {
    let descriptor: Int32
    switch try place(path) {
    case .stream(let number): descriptor = dup(number)
    case .device: descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY)
    case .file(let target, let status):
      let isReplaceable = status == nil || status?.st_nlink == 1
      if isReplaceable, try replace(target, mode: status?.st_mode, data, path) { return }
      descriptor = open(target, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_CREAT | O_TRUNC, 0o666)
    }
    guard descriptor >= 0 else { throw refused(path, errno) }
    try fill(descriptor, data, path)
  }

  public static func write(_ text: String, to path: String) throws {
    try write(Data(text.utf8), to: path)
  }

  /// Fails before the work rather than after it; changes nothing.
  public static func check(_ path: String) throws {
    guard case .file(let target, nil) = try place(path) else { return }
    // Modes do not tell: root may write everywhere, and not everywhere can be written.
    let (descriptor, name) = temporary(beside: target)
    guard descriptor >= 0 else { throw refused(path, errno) }
    close(descriptor)
    unlink(name)
  }

  /// Makes a folder for files, before the work rather than after it.
  ///
  /// - Throws: `InputError` where it cannot be made, or takes no files.
  public static func prepareFolder(_ path: String) throws {
    let reason: String
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      let (descriptor, name) = temporary(beside: path + "/dyno")
      if descriptor >= 0 {
        close(descriptor)
        unlink(name)
        return
      }
      reason = String(cString: strerror(errno))
    } catch {
      reason = error.localizedDescription
    }
    throw InputError(
      path.isEmpty ? "\"\"" : path, problem: "cannot be written to (\(reason))",
      expected: "a folder to write to")
  }

  // MARK: Places

  /// What a path leads to.
  private enum Place {
    /// What this process has open: its end of a pipe may have no name to be opened by, and a file
    /// that it stands for goes on where it is.
    case stream(Int32)
    /// A device or a pipe, opened by the path that was given: what links say of one is no path.
    case device
    /// A regular file behind all symbolic links; `nil`: none yet.
    case file(String, stat?)
  }

  /// - Throws: `InputError` where there is something that cannot be written.
  private static func place(_ path: String) throws -> Place {
    guard !path.isEmpty else { throw refused(path, nil) }
    let target = Self.target(path)
    if let number = streamNumber(target) {
      let flags = fcntl(number, F_GETFL)
      guard flags >= 0, flags & O_ACCMODE != O_RDONLY else { throw refused(path, EBADF) }
      return .stream(number)
    }
    var status = stat()
    guard stat(path, &status) == 0 else { return .file(target, nil) }
    switch status.st_mode & S_IFMT {
    case S_IFREG:
      let descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY)
      guard descriptor >= 0 else { throw refused(path, errno) }
      close(descriptor)
      return .file(target, status)
    case S_IFDIR: throw refused(path, EISDIR)
    case S_IFSOCK: throw refused(path, ENXIO)
    default:
      guard access(path, W_OK) == 0 else { throw refused(path, errno) }
      return .device
    }
  }

  /// Where symbolic links lead, also to what does not exist yet.
  private static func target(_ path: String) -> String {
    var path = path
    for _ in 0..<40 {
      guard streamNumber(path) == nil,
        let next = try? FileManager.default.destinationOfSymbolicLink(atPath: path)
      else { break }
      path =
        next.hasPrefix("/")
        ? next : URL(fileURLWithPath: path).deletingLastPathComponent().path + "/" + next
    }
    return path
  }

  /// The descriptor of this process that a path stands for.
  private static func streamNumber(_ path: String) -> Int32? {
    if path == "/dev/stdout" { return STDOUT_FILENO }
    if path == "/dev/stderr" { return STDERR_FILENO }
    for folder in ["/dev/fd/", "/proc/self/fd/"] where path.hasPrefix(folder) {
      return Int32(path.dropFirst(folder.count))
    }
    return nil
  }

  // MARK: Writing

  /// A new file beside another one. The descriptor is negative where the folder takes none.
  private static func temporary(beside target: String) -> (descriptor: Int32, name: [CChar]) {
    var name = Array((target + ".XXXXXX").utf8CString)
    let descriptor = mkstemp(&name)
    return (descriptor, name)
  }

  /// - Parameter mode: of the file that is replaced.
  /// - Returns: `false` where the folder takes no new file.
  private static func replace(
    _ target: String, mode: mode_t?, _ data: Data, _ path: String
  ) throws -> Bool {
    let (descriptor, name) = temporary(beside: target)
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
