import Foundation
import Input

/// A file mapped read-only into memory.
///
/// Somebody may cut it short while it is mapped, and then reading it is a bus error. Readers check
/// the size once more when they have read what says how the file is laid out; if it happens later,
/// the process ends with one line and exit code 2 (`MappedRanges`).
public final class MappedFile: @unchecked Sendable {
  public let path: String
  public let bytes: UnsafeRawBufferPointer
  private let descriptor: Int32

  /// - Throws: `InputError` naming the file when it cannot be read.
  public init(_ url: URL) throws {
    path = url.path
    func refused(_ problem: String) -> InputError {
      InputError(url.path, problem: problem, expected: "a readable model file")
    }
    let descriptor = open(url.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)  // a pipe must not block
    guard descriptor >= 0 else { throw refused(String(cString: strerror(errno))) }
    var isKept = false
    defer { if !isKept { close(descriptor) } }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw refused("is not a file")
    }
    guard status.st_size > 0 else { throw refused("is empty") }
    let size = Int(status.st_size)
    guard let base = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED
    else { throw refused(String(cString: strerror(errno))) }
    bytes = UnsafeRawBufferPointer(start: base, count: size)
    self.descriptor = descriptor
    isKept = true
    MappedRanges.add(bytes, path: path)
  }

  deinit {
    MappedRanges.remove(bytes)
    munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress!), bytes.count)
    close(descriptor)
  }

  /// Refuses the file where it has become shorter since it was mapped. Errors do not name it.
  func requireUnchanged() throws {
    var status = stat()
    guard fstat(descriptor, &status) == 0, Int(status.st_size) >= bytes.count else {
      throw InputError(
        problem: "was cut short while it was read", expected: "a file that nobody writes to")
    }
  }

  /// Refuses what people have in place of a model: an LFS pointer, an HTML page. Errors do not name
  /// the file.
  func refuseForeign(isGGUF: Bool) throws {
    let beginning = bytes.prefix(ForeignContent.telling)
    if let problem = ForeignContent.problem(beginning: beginning, isGGUF: isGGUF) {
      throw InputError(
        problem: problem, expected: isGGUF ? "a GGUF or safetensors file" : "a safetensors file")
    }
  }
}

/// Reads little-endian values from a mapped file, never past its end.
struct ByteReader {
  let bytes: UnsafeRawBufferPointer
  private(set) var offset = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type) throws -> Value {
    let start = offset
    try skip(MemoryLayout<Value>.size)
    return Value(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: Value.self))
  }

  mutating func string(length: UInt64) throws -> String {
    let start = offset
    guard length <= UInt64(bytes.count) else { throw truncated(needs: length) }
    try skip(Int(length))
    return String(decoding: bytes[start..<offset], as: UTF8.self)
  }

  mutating func skip(_ count: Int) throws {
    guard count >= 0, count <= bytes.count - offset else {
      throw truncated(needs: UInt64(clamping: count))
    }
    offset += count
  }

  private func truncated(needs count: UInt64) -> InputError {
    InputError(
      problem: "is truncated: \(count) bytes wanted at offset \(offset) of \(bytes.count)")
  }
}
