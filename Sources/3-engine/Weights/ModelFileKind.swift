import Input

/// The formats of single-file models, told by their first bytes.
enum ModelFileKind {
  case gguf, safetensors

  /// - Throws: `InputError` for what is neither.
  init(of file: MappedFile) throws {
    try within(file.path) { try file.refuseForeign(isGGUF: true) }
    if file.bytes.starts(with: "GGUF".utf8) {
      self = .gguf
    } else if file.bytes.dropFirst(8).first == UInt8(ascii: "{")
      || file.path.hasSuffix(".safetensors")
    {
      // The length of a JSON header, and the header.
      self = .safetensors
    } else {
      throw InputError(
        file.path, problem: "starts like no model", expected: "a GGUF or safetensors file")
    }
  }
}
