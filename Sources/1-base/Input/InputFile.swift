import Foundation

/// How every small file that somebody gives is read: whole, up to a limit, and only where it is a
/// regular file or a stream that was named as one (`<(…)`, stdin).
///
/// A path may name anything: a device that never ends, a pipe that nobody writes to, a sparse file
/// of terabytes. None of them may hang the reader or fill the memory. Errors do not name the file;
/// callers put `within(path)` around.
public struct InputFile: Sendable {
  /// What a file should be, for errors: "a config.json".
  let kind: String
  /// Most bytes; a multiple of what real ones take.
  let limit: Int
  /// Whether any first bytes may be meant: those of raw numbers look like everything.
  var takesAnyBeginning = false

  public static let config = InputFile(kind: "a config.json", limit: 16 << 20)
  public static let specification = InputFile(kind: "a specification in YAML", limit: 1 << 20)
  public static let deviceProfile = InputFile(kind: "a device profile", limit: 16 << 20)
  public static let hostConstants = InputFile(
    kind: "host constants, as dyno calibrate --serving writes them", limit: 16 << 20)
  public static let law = InputFile(kind: "a law file", limit: 64 << 20)
  public static let table = InputFile(kind: "a CSV file", limit: 64 << 20)
  public static let results = InputFile(kind: "a file of results (JSON or CSV)", limit: 64 << 20)
  public static let resultSet = InputFile(kind: "a JSON file of results", limit: 64 << 20)
  public static let shardIndex = InputFile(kind: "an index of shards", limit: 64 << 20)
  public static let tokens = InputFile(kind: "a file of token ids", limit: 256 << 20)
  public static let rawTokens = InputFile(
    kind: "a file of raw token ids", limit: 256 << 20, takesAnyBeginning: true)
  public static let list = InputFile(kind: "a list, one entry a line", limit: 64 << 20)
  public static let reference = InputFile(kind: "the name of a revision", limit: 4 << 10)

  /// The bytes of the file at `path`.
  public func data(at path: String) throws -> Data {
    let descriptor = try descriptor(path)
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw refused(String(cString: strerror(errno))) }
    let type = status.st_mode & S_IFMT
    if type == S_IFREG {
      guard status.st_size <= limit else {
        throw refused("takes \(status.st_size) bytes", most: true)
      }
    } else {
      guard type != S_IFDIR, Self.isStream(path) else { throw refused(Self.name(ofType: type)) }
      // Opened so that a pipe without a writer cannot block; now wait for what it has.
      _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK)
    }
    let data = try contents(descriptor, expecting: type == S_IFREG ? Int(status.st_size) : 0)
    if !takesAnyBeginning,
      let problem = ForeignContent.problem(beginning: data.prefix(ForeignContent.telling))
    {
      throw refused(problem)
    }
    return data
  }

  /// The text of the file at `path`, without a byte order mark.
  public func text(at path: String) throws -> String {
    try text(of: data(at: path))
  }

  /// The text that a file's bytes are.
  public func text(of data: Data) throws -> String {
    guard let text = String(data: data, encoding: .utf8) else { throw refused("is not UTF-8 text") }
    return text.hasPrefix("\u{FEFF}") ? String(text.dropFirst()) : text
  }

  private func descriptor(_ path: String) throws -> Int32 {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    if descriptor >= 0 { return descriptor }
    let error = errno
    // A socket (what some parents make stdin) cannot be opened anew, only copied.
    if error == ENXIO, let number = Self.streamNumber(path) {
      let copy = dup(number)
      if copy >= 0 { return copy }
    }
    throw refused(error == ENOENT ? "does not exist" : String(cString: strerror(error)))
  }

  private func contents(_ descriptor: Int32, expecting size: Int) throws -> Data {
    var data = Data(capacity: size)
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw refused(String(cString: strerror(errno))) }
      guard count > 0 else { return data }
      data.append(contentsOf: chunk[..<count])
      // The size that was announced may lie: streams have none, and files grow.
      guard data.count <= limit else { throw refused("goes on after \(limit) bytes", most: true) }
    }
  }

  private func refused(_ problem: String, most: Bool = false) -> InputError {
    let size = limit < 1 << 20 ? "\(limit >> 10) KiB" : "\(limit >> 20) MiB"
    return InputError(problem: problem, expected: most ? "\(kind) of at most \(size)" : kind)
  }

  private static func name(ofType type: mode_t) -> String {
    switch type {
    case S_IFDIR: "is a folder"
    case S_IFIFO: "is a named pipe, not a file"
    case S_IFSOCK: "is a socket, not a file"
    default: "is a device, not a file"
    }
  }

  // MARK: Streams

  /// Whether a path stands for an open stream of this process: what a shell makes of `<(…)`.
  private static func isStream(_ path: String) -> Bool { streamNumber(path) != nil }

  private static func streamNumber(_ path: String) -> Int32? {
    if path == "/dev/stdin" { return 0 }
    for folder in ["/dev/fd/", "/proc/self/fd/"] where path.hasPrefix(folder) {
      return Int32(path.dropFirst(folder.count))
    }
    return nil
  }

  // MARK: Paths inside files

  /// The folder that paths inside a file are relative to; that of a stream is the working one.
  public static func folder(of path: String) -> URL {
    isStream(path)
      ? URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
      : URL(fileURLWithPath: path).deletingLastPathComponent()
  }

  /// The path that a file of `folder` means by `name`.
  ///
  /// Files come from strangers: what one names must lie below its own folder.
  ///
  /// - Throws: `InputError` for an absolute path, or one that leads out by `..`.
  public static func path(_ name: String, below folder: URL) throws -> String {
    guard !name.isEmpty, !name.hasPrefix("/"), !name.utf8.contains(0),
      !name.split(separator: "/").contains("..")
    else {
      throw InputError(
        String(name.prefix(200)), problem: "leads out of the folder of the file that names it",
        expected: "a path below \(folder.path)")
    }
    return folder.appendingPathComponent(name).path
  }
}
