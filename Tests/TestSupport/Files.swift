import Foundation

/// Where tests find and put files.
public enum Files {
  /// `Tests/Fixtures`.
  public static let fixtures = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fixtures")

  /// The repository's root.
  public static let root = fixtures.deletingLastPathComponent().deletingLastPathComponent()

  /// A new empty folder, removed when the closure returns.
  public static func withTemporaryFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("dyno-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
  }

  /// Rows of a two-dimensional `.npy` file of f32.
  public static func npy(_ file: URL) throws -> [[Float]] {
    let data = try Data(contentsOf: file)
    let headerLength = Int(data[8]) | Int(data[9]) << 8
    let header = String(decoding: data[10..<10 + headerLength], as: UTF8.self)
    let shape = header.components(separatedBy: "(")[1].components(separatedBy: ")")[0]
      .split(separator: ",").map { Int($0.trimmingCharacters(in: .whitespaces))! }
    let values = data[(10 + headerLength)...].withUnsafeBytes { bytes in
      (0..<bytes.count / 4).map {
        Float(bitPattern: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self))
      }
    }
    precondition(header.contains("<f4") && shape.count == 2 && values.count == shape[0] * shape[1])
    return (0..<shape[0]).map { Array(values[$0 * shape[1]..<($0 + 1) * shape[1]]) }
  }
}

/// ‖actual − reference‖₂ / ‖reference‖₂ over all rows.
public func relativeError<A: BinaryFloatingPoint, B: BinaryFloatingPoint>(
  _ actual: [[A]], _ reference: [[B]]
) -> Double {
  precondition(actual.map(\.count) == reference.map(\.count), "shapes differ")
  var difference = 0.0
  var norm = 0.0
  for (a, b) in zip(actual.joined(), reference.joined()) {
    difference += (Double(a) - Double(b)) * (Double(a) - Double(b))
    norm += Double(b) * Double(b)
  }
  return (difference / norm).squareRoot()
}
