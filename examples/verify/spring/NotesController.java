package com.example.notes;

import java.util.List;
import java.util.Map;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.security.oauth2.jwt.Jwt;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

@RestController
class NotesController {

  @GetMapping("/")
  Map<String, Object> index(@AuthenticationPrincipal Jwt identity) {
    List<String> groups = identity.getClaimAsStringList("groups");
    return Map.of("user", identity.getClaimAsString("user"), "groups", groups);
  }
}
