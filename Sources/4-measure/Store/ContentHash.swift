import COpenSSL
import Foundation

/// SHA-256, for keys that name what they stand for: anybody can check one with `sha256sum`.
public enum ContentHash {
  /// The digest in hexadecimal.
  public static func hex(_ text: String) -> String { hex(Data(text.utf8)) }

  /// The digest in hexadecimal.
  public static func hex(_ data: Data) -> String {
    digest(data).map { String(format: "%02x", $0) }.joined()
  }

  /// The digest in Base64, as policies of web pages have it.
  public static func base64(_ data: Data) -> String { Data(digest(data)).base64EncodedString() }

  private static func digest(_ data: Data) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
    data.withUnsafeBytes { bytes in
      _ = SHA256(bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count, &digest)
    }
    return digest
  }
}
