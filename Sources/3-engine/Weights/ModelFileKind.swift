import Foundation
import Input

/// The formats of single-file models, told by their first bytes: caches call files by their hashes.
enum ModelFileKind {
  case gguf, safetensors

  /// - Throws: `InputError` for what is neither.
  init(of file: MappedFile) throws {
    try within(file.path) { try file.refuseForeign(isGGUF: true) }
    guard let kind = ModelFileKind(file.path, beginning: file.bytes.prefix(9), file.bytes.count)
    else {
      throw InputError(
        file.path, problem: "starts like no model", expected: "a GGUF or safetensors file")
    }
    self = kind
  }

  /// What a file seems to be without mapping it; `nil` for neither, as a `config.json` or a pipe is.
  init?(at path: String) throws {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      let handle = FileHandle(forReadingAtPath: path)
    else { return nil }
    defer { try? handle.close() }
    self.init(path, beginning: try handle.read(upToCount: 9) ?? Data(), Int(status.st_size))
  }

  /// - Parameters:
  ///   - beginning: nine bytes.
  ///   - count: bytes of the whole file.
  private init?(_ path: String, beginning: some Collection<UInt8>, _ count: Int) {
    // The length of a JSON header, and the header.
    let length = beginning.prefix(8).reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
    if beginning.starts(with: "GGUF".utf8) {
      self = .gguf
    } else if path.hasSuffix(".safetensors")
      || beginning.dropFirst(8).first == UInt8(ascii: "{") && length <= UInt64(count)
    {
      self = .safetensors
    } else {
      return nil
    }
  }
}
