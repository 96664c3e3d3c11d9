import hashlib

from django import forms
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt

from .models import Note


class NoteForm(forms.ModelForm):
    class Meta:
        model = Note
        fields = ["title", "text", "file"]


def index(request):
    return HttpResponse("notes at %s" % reverse("index"))


def urls(request):
    """Every kind of URL that Django builds from SCRIPT_NAME and the host."""
    return JsonResponse({
        "index": reverse("index"),
        "chinese": reverse("note", args=["茅台"]),
        "admin": reverse("admin:index"),
        "external": request.build_absolute_uri(reverse("count")),
        "path": request.path,
        "path_info": request.path_info,
    })


def new(request):
    """The form with its CSRF token; a good one is saved and redirected to its note."""
    form = NoteForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        return redirect("note", form.save().title)
    return render(request, "new.html", {"form": form}, status=400 if form.errors else 200)


def note(request, title):
    found = get_object_or_404(Note, title=title)
    data = found.file.read() if found.file else b""
    return JsonResponse({
        "title": found.title, "text": found.text, "path_info": request.path_info,
        "size": len(data), "sha1": hashlib.sha1(data).hexdigest(),
    })


def count(request):
    request.session["count"] = request.session.get("count", 0) + 1
    return HttpResponse(str(request.session["count"]))


@csrf_exempt
def upload(request):
    file = request.FILES["file"]
    digest = hashlib.sha1()
    for chunk in file.chunks():
        digest.update(chunk)
    return JsonResponse({
        "name": file.name, "size": file.size, "sha1": digest.hexdigest(),
        "note": request.POST["note"],
    })
